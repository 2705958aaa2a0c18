# shellcheck shell=bash
# serve: what a browser, a program and somebody hostile get. Sourced by test_cli.sh.

# begin ARGUMENT...: serves in the background; $url, $server
begin() {
    "$quickstep" serve --model "$model" --listen 0 "$@" >served 2>err &
    server=$!
    for _ in $(seq 600); do
        url=$(sed -n 's/.* is served at \(.*\)\/$/\1/p' served)
        [ -n "$url" ] && return
        kill -0 $server 2>/dev/null || break
        sleep 0.1
    done
    return 1
}
end() { # end SIGNAL: $status
    kill "-$1" $server
    wait $server
    status=$?
}
# ask CODE ARGUMENT...: curl's; the answer is in ./out
ask() {
    local expected=$1
    shift
    code=$(curl --silent --max-time 60 --output out --write-out '%{http_code}' "$@" 2>err)
    [ "$code" = "$expected" ]
}
json() { ask "$1" -H 'Content-Type: application/json' "${@:2}"; }
descriptors() { find "/proc/$server/fd" -mindepth 1 | wc -l; }
threads() { find "/proc/$server/task" -mindepth 1 -maxdepth 1 | wc -l; }

if ! "$quickstep" serve --help >/dev/null 2>&1; then
    skip serve 'built without libmicrohttpd'
elif ! command -v curl >/dev/null; then
    skip serve 'no curl'
else
    begin
    report $? 'serve says where'

    sample --steps 2 --seed 7 --scale 3 -o sampled.png
    ask 200 "$url/picture.png?steps=2&seed=7&scale=3" && cmp -s out sampled.png
    report $? "a picture is the one that sample draws, to the byte, its recipe too"
    sample --steps 2 --seed 7 --label hero --label-to monster --mix 0.25 -o sampled.png
    ask 200 "$url/picture.png?steps=2&seed=7&label=hero&label_to=monster&mix=0.25&scale=1" && cmp -s out sampled.png
    report $? "and one between two labels"
    ask 200 -I "$url/health" && json 200 "$url/health" && grep -q '"queue":0' out
    report $? 'health'
    ask 200 "$url/" && grep -q '<title>Quickstep' out
    report $? 'the page'
    if command -v chromium >/dev/null; then # the page in a browser: its script ran, and a picture came
        timeout 100 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" --timeout=15000 \
            --dump-dom "$url/" >page 2>err
        grep -q '<p id="state" role="status">[0-9.]* ms on ' page && grep -q '<option value="hero">\|<option>hero' page &&
            grep -q '<label id="words" hidden' page
        report $? 'the page in Chromium'
    else
        skip 'the page in Chromium' 'chromium is not installed'
    fi
    ask 200 "$url/model" && grep -q '"width":' out
    report $? 'what the model can draw'

    json 200 -d '{"steps": 2, "seed": "18446744073709551615"}' "$url/live" && ask 200 "$url/live" &&
        grep -q '"seed":"18446744073709551615"' out && grep -q '"steps":2' out
    report $? 'the live recipe changes, a seed of 64 bits whole'
    curl --silent --max-time 3 --output stream "$url/live.mjpeg"
    frames=$(grep -ac 'Content-Type: image/jpeg' stream)
    [ "$frames" -ge 1 ] && [ "$frames" -le 2 ] # it does not change, so it is not sent again
    report $? 'the stream begins with the live picture'
    curl --silent --no-buffer --max-time 60 --output stream "$url/live.mjpeg" &
    stream=$!
    for frames in 1 2 3 4; do
        for _ in $(seq 150); do
            [ "$(grep -ac 'Content-Type: image/jpeg' stream)" -ge $frames ] && break
            sleep 0.1
        done
        json 200 -d "{\"seed\": $frames}" "$url/live"
    done
    kill $stream
    wait $stream
    [ "$(grep -ac 'Content-Type: image/jpeg' stream)" -ge 4 ]
    report $? 'every change is a frame'

    # a long picture is given up, and what comes after it is drawn
    drawing() { # drawing true|false: waits until something is being drawn, or nothing
        for _ in $(seq 100); do
            ask 200 "$url/health" && grep -q "\"drawing\":$1" out && return
            sleep 0.1
        done
        return 1
    }
    drawing false
    curl --silent --output cancelled --write-out '%{http_code}' "$url/picture.png?steps=1024" >code &
    long=$!
    drawing true
    json 200 -d '{}' "$url/cancel"
    wait $long
    [ "$(cat code)" = 409 ] && grep -q cancelled cancelled && ask 200 "$url/picture.png?seed=1"
    report $? 'cancel gives up the picture that is being drawn'

    clients=()
    for seed in $(seq 20); do
        curl --silent --output /dev/null --write-out '%{http_code}\n' "$url/picture.png?steps=16&seed=$seed" >"code.$seed" &
        clients+=($!)
    done
    wait "${clients[@]}"
    [ "$(cat code.* | grep -c '^200$')" -ge 16 ] && [ "$(cat code.* | grep -cv '^\(200\|503\)$')" -eq 0 ]
    report $? 'twenty at once: drawn, or told that the queue is full'

    while read -r expected query; do
        ask "$expected" "$url$query" && grep -q '"error":"' out
        report $? "$query: $expected"
    done <<'EOF'
404 /nothing
404 /../../etc/passwd
404 /%2e%2e/%2e%2e/etc/passwd
400 /picture.png?steps=0
400 /picture.png?steps=1025
400 /picture.png?steps
400 /picture.png?seed=-1
400 /picture.png?seed=18446744073709551616
400 /picture.png?scale=1000
400 /picture.png?label=nosuch
400 /picture.png?label_to=nosuch
400 /picture.png?mix=1.5
400 /picture.png?prompt_to=of+a+model+without+words
400 /picture.png?sampler=nosuch
400 /picture.png?size=9999x9999
400 /picture.png?prompt=a%ff%fe
405 /cancel
EOF
    ask 405 -X PUT -d '' "$url/live" && ask 405 -X DELETE "$url/"
    report $? 'other methods: 405'
    ask 415 -d 'steps=1' "$url/live" && ask 415 -d '' "$url/cancel"
    report $? 'what a form of another page could send: 415'
    ask 403 -H 'Host: example.org' "$url/live"
    report $? "another host's name: 403"
    for body in '{' '[]' 'null' '{"steps": {}}' '{"steps": 1, "steps": 2}' '{"steps": 1e400}' '"'; do
        json 400 -d "$body" "$url/live" && grep -q '"error":"' out || break
    done
    report $? 'broken JSON: 400'
    head -c 9000 /dev/zero | tr '\0' ' ' >large
    json 413 --data-binary @large "$url/live"
    report $? 'a large body: 413'
    json 000 -H 'Transfer-Encoding: chunked' --data-binary @large "$url/live"
    report $? 'a large body that does not say so: the connection is closed'
    head -c 60000 /dev/zero | tr '\0' 'a' >large
    ask 414 "$url/picture.png?prompt=$(cat large)" || [ "$code" = 431 ]
    report $? 'a large address: 414 or 431'
    ask 431 -H "X-Large: $(cat large)" "$url/health"
    report $? 'large headers: 431'
    exec 7<>"/dev/tcp/127.0.0.1/${url##*:}" && printf 'nonsense\r\n\r\n' >&7 && timeout 5 head -n 1 <&7 >out
    exec 7>&-
    [ ! -s out ] || grep -q ' 400 ' out
    report $? 'no HTTP at all'

    ask 200 "$url/health"
    before="$(descriptors) $(threads)"
    for _ in $(seq 200); do
        curl --silent --max-time 2 --output /dev/null "$url/live.mjpeg" 2>/dev/null &
    done
    sleep 1
    wait $(jobs -p | grep -v "^$server$")
    for _ in $(seq 100); do
        ask 200 "$url/health"
        [ "$(descriptors) $(threads)" = "$before" ] && break
        sleep 0.1
    done
    [ "$(descriptors) $(threads)" = "$before" ] && [ "$code" = 200 ]
    report $? "two hundred connections, then as before: descriptors and threads $before"

    curl --silent --output /dev/null "$url/live.mjpeg" &
    stream=$!
    sleep 0.3
    end INT
    wait $stream
    [ "$status" -eq 130 ]
    report $? 'SIGINT ends it, with a stream open: exit 130'
    begin && end TERM
    [ "$status" -eq 143 ]
    report $? 'SIGTERM: exit 143'

    for where in nonsense 1:2:3 '[::1' 127.0.0.1 127.0.0.1: 127.0.0.1:65536 localhost:80 ::1:80 '[127.0.0.1]:80' ''; do
        run serve --model "$model" --listen "$where"
        is_error 2 '--listen wants' || break
    done
    report $? '--listen of what is no address: exit 2'
    begin
    run serve --model "$model" --listen "${url#http://}"
    is_error 1 'in use'
    report $? '--listen where another one listens: exit 1'
    end TERM
fi
