# shellcheck shell=bash
# Pictures in the terminal. Sourced by test_cli.sh.

# in_terminal KIND MODEL: draws there; what the terminal was told beside pictures is in ./said
in_terminal() {
    rm -f shown.png said
    TERM=xterm "$terminal" "$1" shown.png said "$quickstep" sample --quiet --model "$2" --steps 1 --seed 5 \
        --preview -o drawn.png </dev/null >out 2>err
}

run sample --model "$model" --steps 1 --seed 5 --scale 8 -o large.png
in_terminal kitty "$model" && "$helper" differ shown.png large.png >differ && grep -qx 0 differ
report $? 'sample --preview by the protocol of kitty: the picture, to the last bit'
small=$here/../golden/networks/one_block
run sample --model "$small" --steps 1 --seed 5 --scale 51 -o large.png
in_terminal sixel "$small" && "$helper" differ shown.png large.png >differ && awk '{ exit !($1 <= 2) }' differ
report $? 'as sixels: to the percent that they have of each colour'
coloured=$here/../golden/latents/rgb # 747 colours
run sample --model "$coloured" --steps 1 --seed 5 --scale 8 -o large.png
in_terminal sixel "$coloured" && "$helper" differ shown.png large.png >differ && awk '{ exit !($1 > 2 && $1 <= 52) }' differ
report $? 'a picture of more colours than sixels have: dithered, to one of six levels'
for kind in vt220 vt102 mute; do
    in_terminal $kind "$model" && [ ! -e shown.png ] && [ -s drawn.png ] && grep -q 'no preview: this terminal' said &&
        [ "$(tr -cd '\033' <said | wc -c)" -le 2 ] && [ -z "$(sed "s/$(printf '\033')\[c//g" said | tr -cd '\033_')" ]
    report $? "a $kind: nothing but the question, and a word why"
done
TERM=dumb "$terminal" sixel shown.png said "$quickstep" sample --quiet --model "$model" --steps 1 --preview -o drawn.png </dev/null
[ $? -eq 0 ] && [ "$(tr -cd '\033' <said | wc -c)" -eq 0 ] && grep -q 'no preview: TERM' said
report $? 'TERM=dumb: it is not even asked'
setsid "$quickstep" sample --quiet --model "$model" --steps 1 --preview -o drawn.png </dev/null >out 2>err
[ $? -eq 0 ] && grep -q 'no preview: there is no terminal' err
report $? 'without a terminal: the picture, and a word'
