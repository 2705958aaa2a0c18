#!/usr/bin/env bash
# Trains, judges and packs the models on a machine with an NVIDIA GPU, each on the latents of a tiny autoencoder that it
# trains first. No network is needed.
#
#     SPRITES=DIR EMOJI=DIR CLOTHING=clothing64.npz QUICKSTEP_FEATURES=FILE.tflite tools/train/run_gpu.sh MINUTES OUT
#
# OUT gets models.tar.* (parts of 15 MiB: `cat OUT/models.tar.* | tar x`; for each model a folder for the engine with card,
# samples and evaluation, and phase a's state), NAME.png (samples) and log.txt. Started again with another folder's parts
# as EARLIER (default: OUT's own), phase a goes on from there (with the same autoencoder) for its share of MINUTES, and
# phase b starts anew from it, and an adversary from that.
#
# SPRITES, CLOTHING    the pictures (data.py); what has no variable is left out. SPRITES makes two models, sprites and heroes
# EMOJI                emoji.sh's folder
# WHEELS               folder of wheels for what Python lacks (diffusers, transformers, tflite ...), put into WORK/site
# WORK                 checkpoints and logs; default OUT.work. What is there already goes on, with its optimiser's state
# PYTHON, DEVICE       default python3, cuda; DEVICE=cpu to rehearse
# COMMON               options of both phases; default --compile --batch 512 --ema 0.9995
# AUTOENCODER          options of train_autoencoder.py; default --width 64 --batch 128
# POOL, LESSONS        captioned pictures drawn ahead, default 200000, and pictures of reading lessons and towers, default 250000
# SPRITE_NET, CLOTHING_NET, READER_NET, EVALUATE, JUDGE_PROMPTS    options of new networks, of evaluate.py and of judge_prompts.py
set -euo pipefail

(($# == 2)) || { sed -n '2,23s/^# \{0,1\}//p' "$0"; exit 2; }
minutes=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=${WORK:-$out.work}
earlier=${EARLIER:-$out}
python=${PYTHON:-python3}
device=${DEVICE:-cuda}
common=${COMMON:---compile --batch 512 --ema 0.9995}
pool=${POOL:-200000} lessons=${LESSONS:-250000}
declare -A titles=([sprites]=Sprites [heroes]=Heroes [emoji]=Emoji [clothing]=Clothing)
declare -A licences=([emoji]=apache-2.0) # of the weights; the others': CC0
declare -A coders=([heroes]=sprites)     # whose autoencoder, if not one's own
mkdir -p "$work"
exec > >(tee -a "$out/log.txt") 2>&1

say() { echo "[$(date -u +%H:%M:%S)] $*"; }

prepare() {
    if [[ -n ${WHEELS:-} ]]; then
        "$python" -m pip install -q --no-index --no-deps --no-compile --upgrade --target "$work/site" "$WHEELS"/*.whl
        export PYTHONPATH=$work/site${PYTHONPATH:+:$PYTHONPATH}
    fi
    "$python" -c 'import torch, diffusers; print("torch", torch.__version__, "diffusers", diffusers.__version__,
        torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU")'
    if ! compgen -G "$work/*/a.pt" >/dev/null && compgen -G "$earlier/models.tar.*" >/dev/null; then
        cat "$earlier"/models.tar.* | tar x -C "$work"
        for state in "$work"/*/a_small.pt; do mv "$state" "${state%_small.pt}.pt"; done
        for vae in "$work"/*/model/vae; do
            if [[ -d $vae ]]; then
                cp -rT "$vae" "${vae%/model/vae}/vae"
                touch "${vae%/model/vae}/vae.done"
            fi
        done
        for words in "$work"/*/model/tokenizer; do
            if [[ -d $words ]]; then
                cp -rT "$words" "${words%/model/tokenizer}/tokenizer"
            fi
        done
        say "going on from $earlier"
    fi
    for state in "$work"/*/a.pt; do # without an autoencoder: of pixels, from before models drew latents
        if [[ -f $state && ! -f ${state%a.pt}vae.done ]]; then rm "$state"; fi
    done
}

share() { awk "BEGIN { print $minutes * $1 / $models }"; } # minutes of a share of one model's time

# learn NAME PHASE MINUTES OPTIONS...: from the checkpoint that is there, else new
learn() {
    local name=$1 phase=$2 time=$3
    shift 3
    say "$name: phase $phase, $time minutes"
    # shellcheck disable=SC2086 # options are words
    "$python" "$here/train.py" --out "$work/$name" --phase "$phase" --minutes "$time" --device "$device" --resume --more $common "$@"
}

# code NAME OPTIONS...: an autoencoder, and then its decoder made sharp, unless there is one
code() {
    local name=$1 time refine
    shift
    time=$(share 0.06)
    [[ ! -f $work/$name/vae.done ]] || return 0
    for refine in "" --refine; do
        say "$name: autoencoder, ${refine:-new}, $time minutes"
        # shellcheck disable=SC2086 # options are words
        "$python" "$here/train_autoencoder.py" --out "$work/$name/vae" --minutes "$time" --device "$device" $refine \
            "$@" ${AUTOENCODER:---width 64 --batch 128}
    done
    touch "$work/$name/vae.done"
}

# teach NAME DATA MERGES: a tokenizer, and a text encoder that had its reading lessons, unless they are there
teach() {
    local folder=$work/$1
    if [[ ! -d $folder/tokenizer ]]; then
        "$python" "$here/captioned.py" --data "$2" --merges "$3" --out "$folder/tokenizer"
    fi
    [[ ! -f $folder/a.pt && ! -f $folder/reader.pt ]] || return 0
    say "$1: reading lessons"
    "$python" "$here/reading.py" --data "$2" --tokenizer "$folder/tokenizer" --out "$folder/reader.pt" --pictures "$lessons" \
        --pool "$pool" --device "$device"
}

vae_of() { echo "$work/${coders[$1]:-$1}/vae"; }

# publish NAME: the folder for the engine, phase a's state without optimiser, and the samples
publish() {
    local options=(--autoencoder "$(vae_of "$1")")
    [[ -d $work/$1/tokenizer ]] && options+=(--tokenizer "$work/$1/tokenizer")
    [[ -f $work/$1/evaluation/evaluation.md ]] && options+=(--evaluation "$work/$1/evaluation" --rows 0)
    "$python" "$here/export.py" "$work/$1/few/b.pt" "$work/$1/model" --title "${titles[$1]}" \
        --licence "${licences[$1]:-cc0-1.0}" --about "$here/about/$1.md" "${options[@]}"
    "$python" "$here/checkpoint.py" "$work/$1/a.pt" "$work/$1/a_small.pt"
    cp "$work/$1/model/samples.png" "$out/$1.png"
}

failed=0
# judge NAME PROGRAM OPTIONS...: what the program measures goes into the card; a failure leaves the card as it is
judge() {
    local name=$1 program=$2
    shift 2
    say "$name: evaluation"
    if "$python" "$here/$program" "$work/$name/model" --out "$work/$name/evaluation" "$@"; then
        publish "$name"
    else
        say "$name: evaluation failed" && failed=1
    fi
}

judge_classes() { # NAME DATA_OPTIONS...
    # shellcheck disable=SC2086
    judge "$1" evaluate.py --device "$device" ${EVALUATE:-} "${@:2}"
}

judge_reader() { # NAME DATA
    local towers=$work/$1/towers.pt
    if [[ ! -f $towers ]]; then
        say "$1: towers"
        "$python" "$here/towers.py" --data "$2" --tokenizer "$work/$1/tokenizer" --out "$towers" --pictures "$lessons" --pool "$pool" \
            --device "$device"
    fi
    # shellcheck disable=SC2086
    judge "$1" judge_prompts.py --data "$2" --towers "$towers" --device "$device" ${JUDGE_PROMPTS:-}
}

pack() {
    local files=()
    for name in "$@"; do files+=("$name/model" "$name/a_small.pt"); done
    rm -rf "$out/new" && mkdir "$out/new"
    tar c -C "$work" "${files[@]}" | split -b 15m - "$out/new/models.tar."
    rm -f "$out"/models.tar.*
    mv "$out"/new/models.tar.* "$out" && rmdir "$out/new"
    say "packed: $*"
}

# train_model NAME DATA_OPTIONS... -- NET_OPTIONS... -- OPTIONS_OF_B...
train_model() {
    local name=$1 where net=()
    where=(--autoencoder "$(vae_of "$1")")
    shift
    while [[ $1 != -- ]]; do where+=("$1") && shift; done
    shift
    while [[ $1 != -- ]]; do net+=("$1") && shift; done
    shift
    learn "$name" a "$(share 0.38)" "${where[@]}" "${net[@]}"
    rm -f "$work/$name/b.pt" "$work/$name/few/b.pt" # they belong to an earlier a
    learn "$name" b "$(share 0.2)" "${where[@]}" --teacher frozen --lr 3e-4 "$@"
    learn "$name/few" b "$(share 0.06)" "${where[@]}" --init "$work/$name/b.pt" --teacher frozen --keep-limit --teacher-steps 64 64 \
        --lr 2e-4 --adversarial 1
    rm -rf "$work/$name/evaluation"
    publish "$name"
    done_models+=("$name")
    pack "${done_models[@]}"
}

train_classes() { # NAME DATA_OPTIONS... -- NET_OPTIONS...
    train_model "$@" -- --hop mixed --guidance 1.5 --teacher-steps 32 512
}

train_reader() { # NAME DATA MERGES
    local words=$work/$1/tokenizer
    teach "$@"
    # shellcheck disable=SC2086
    train_model "$1" --data "$2" --tokenizer "$words" --pool "$pool" -- --reader "$work/$1/reader.pt" \
        ${READER_NET:---channels 96,160,224 --dropout 0.03} -- --teacher-steps 16 64 --diffusion-rows 0.3
}

models=0
for variable in SPRITES SPRITES EMOJI CLOTHING; do [[ -z ${!variable:-} ]] || models=$((models + 1)); done
((models)) || { echo "none of SPRITES, EMOJI and CLOTHING is set: nothing to train on"; exit 2; }
done_models=()
prepare
# shellcheck disable=SC2086 # options are words
if [[ -n ${SPRITES:-} ]]; then
    code sprites --data "$SPRITES" --encoder-blocks 0,2 --decoder-blocks 2,1
    train_classes sprites --data "$SPRITES" -- ${SPRITE_NET:---channels 96,160,224 --dropout 0.05} # 12 M parameters, 1.1 GFLOP
    train_reader heroes "$SPRITES" 1000
fi
if [[ -n ${EMOJI:-} ]]; then
    mkdir -p "$work/emoji"
    "$python" "$here/scenes.py" --data "$EMOJI" --npz "$work/emoji/scenes.npz" --count "${SCENES:-8000}"
    code emoji --data "$work/emoji/scenes.npz"
    train_reader emoji "$EMOJI" 2500
fi
# shellcheck disable=SC2086
if [[ -n ${CLOTHING:-} ]]; then
    code clothing --data "$CLOTHING" --flip
    train_classes clothing --data "$CLOTHING" --flip -- ${CLOTHING_NET:---channels 96,160,224 --dropout 0.1} # the same size
fi
if [[ -n ${QUICKSTEP_FEATURES:-} ]]; then
    if [[ -n ${SPRITES:-} ]]; then judge_classes sprites --data "$SPRITES" && judge_reader heroes "$SPRITES"; fi
    if [[ -n ${EMOJI:-} ]]; then judge_reader emoji "$EMOJI"; fi
    if [[ -n ${CLOTHING:-} ]]; then judge_classes clothing --data "$CLOTHING" --flip; fi
    pack "${done_models[@]}"
else
    say "QUICKSTEP_FEATURES is not set: no evaluation"
fi
ls -l "$out"
say "done"
exit $failed
