#!/bin/bash
# src/app/viewer/camera.c on a camera in memory (camera.c). TAP on standard output.
#
#     camera_test.sh PATH/camera_seen PATH/fake_camera.so JPEG
set -u
seen=$(realpath "$1") fake=$(realpath "$2") jpeg=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
number=0
failed=0

# sees NAME STATE PATTERN [DEVICE]
sees() {
    local said
    echo "$2" >state
    said=$(CAMERA=$work/state LD_PRELOAD=$fake "$seen" ${4+"$4"})
    number=$((number + 1))
    [[ $said =~ $3 ]] && echo "ok $number - $1" && return
    failed=$((failed + 1))
    echo "not ok $number - $1"
    echo "# $said"
}
# ITU-R BT.601's red, green and blue, to one of 255
sees 'YUYV, red' 'yuyv 81 90 240' '^64x48 25[45] [01] [01]$'
sees 'YUYV, green' 'yuyv 145 54 34' '^64x48 [01] 25[45] [01]$'
sees 'YUYV, blue, of the camera with that name' 'yuyv 41 240 110' '^64x48 [01] [01] 25[45]$' /dev/video1
sees 'YUYV, white beyond the range' 'yuyv 255 128 128' '^64x48 255 255 255$'
sees 'MJPEG, of its own size' "mjpeg $jpeg" '^19x13 [0-9]+ [0-9]+ [0-9]+$'
head -c 300 "$jpeg" >cut.jpg
sees 'damaged MJPEG' "mjpeg $work/cut.jpg" '^/dev/video1: 30 pictures in a row cannot be read$'
sees 'in use' busy '^/dev/video1 is in use by another program$'
sees 'another format' rgb '^/dev/video1 \(a fake\) gives neither YUYV nor MJPEG, but RGB3$'
sees 'a node without pictures, passed over' metadata '^there is no camera: no /dev/video\* gives pictures$'
sees 'the same, named' metadata '^/dev/video1 is no camera$' /dev/video1
sees 'no such device' 'yuyv 81 90 240' '^/dev/video7: it cannot be opened: No such file' /dev/video7
sees 'another file' 'yuyv 81 90 240' '^/dev/null is no camera$' /dev/null
echo "1..$number"
[ $failed = 0 ]
