#!/bin/sh
# What a shell offers after 'quickstep' and 'quickstep-view', from the programs' own help, so that the two cannot
# differ:
#     make_completion.sh bash|zsh|fish QUICKSTEP [QUICKSTEP-VIEW]
set -eu
shell=$1
quickstep=$2
view=${3-}

commands() { "$quickstep" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  *\(.*\)/\1 \2/p'; }

# "  -o, --output=FILE   Where to", and lines that go on -> command, short letter or -, long name, value or -,
# description. Without the characters that a shell would take for its own.
options() {
    tr -d '][:"`\\$\047' | awk -v command="$1" -v OFS='\t' '
        function finish() {
            sub(/ \(default.*/, "", about)
            if (name)
                print command, short, substr(name, 3), value, about
            name = ""
        }
        # the value of what may be given several times has no "=" in front
        match($0, /^ +(-[a-z], )?--[a-z-]+ [A-Z]/) {
            $0 = substr($0, 1, RSTART + RLENGTH - 3) "=" substr($0, RSTART + RLENGTH - 1)
        }
        match($0, /^ +(-[a-z], )?--[a-z-]+(=[^ ]+)? +/) {
            finish()
            name = $0
            sub(/^ +/, "", name)
            short = "-"
            if (name ~ /^-[a-z],/) {
                short = substr(name, 2, 1)
                sub(/^-[a-z], /, "", name)
            }
            about = substr($0, RSTART + RLENGTH)
            sub(/ .*/, "", name)
            value = "-"
            if (at = index(name, "=")) {
                value = substr(name, at + 1)
                name = substr(name, 1, at - 1)
            }
            next
        }
        /^                    / {
            sub(/^ +/, " ")
            about = about $0
            next
        }
        { finish() }
        END { finish() }'
}

table() {
    commands | while read -r command _; do
        "$quickstep" help "$command" | options "$command"
    done
    [ -z "$view" ] || "$view" --help | options quickstep-view
}

for_bash() {
    echo '# bash completion for quickstep'
    printf '_quickstep_commands="%s"\n' "$(commands | cut -d' ' -f1 | tr '\n' ' ')help --help --help-debug --version"
    table | awk -F '\t' '
        function finish() { if (last) printf "_quickstep_of_%s=\"%s\"\n", last, words }
        { name = $1; gsub(/-/, "_", name) }
        name != last { finish(); last = name; words = "" }
        { words = words " --" $3 ($4 == "-" ? "" : "=") ($2 == "-" ? "" : " -" $2) }
        $4 ~ /^[a-z0-9]+(\|[a-z0-9]+)+$/ { choices["--" $3] = $4; if ($2 != "-") choices["-" $2] = $4 }
        END {
            finish()
            print "_quickstep_choices() {\n    case $1 in"
            for (option in choices) {
                list = choices[option]
                gsub(/\|/, " ", list)
                printf "    %s) echo %s ;;\n", option, list
            }
            print "    esac\n}"
        }'
    cat <<'END'
_quickstep() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} of choices
    COMPREPLY=()
    if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
    choices=$(_quickstep_choices "$before")
    if [[ ${COMP_WORDS[0]##*/} == quickstep-view ]]; then of=_quickstep_of_quickstep_view
    elif ((COMP_CWORD == 1)); then of=_quickstep_commands
    elif [[ $before == help ]]; then of=_quickstep_commands
    else of=_quickstep_of_${COMP_WORDS[1]//[^a-z]/_}; fi
    if [[ $choices ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
    elif [[ $word == -* || $of == _quickstep_commands ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${!of-}" -- "$word")
        [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
    else
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -F _quickstep quickstep quickstep-view
END
}

# "'(-o --output)'{-o+,--output=}'[Where to]:FILE:_files'" per option
zsh_specs() {
    awk -F '\t' -v command="$1" '
        $1 == command {
            value = ""
            if ($4 != "-") {
                action = $4 ~ /FILE|DIR/ ? "_files" : ""
                if ($4 ~ /^[a-z0-9]+(\|[a-z0-9]+)+$/) {
                    action = "(" $4 ")"
                    gsub(/\|/, " ", action)
                }
                value = ":" $4 ":" action
            }
            sign = $4 == "-" ? "" : "="
            if ($2 == "-")
                printf " \\\n        \"--%s%s[%s]%s\"", $3, sign, $5, value
            else
                printf " \\\n        \"(-%s --%s)\"{-%s%s,--%s%s}\"[%s]%s\"", $2, $3, $2, $4 == "-" ? "" : "+", $3, sign, $5, value
        }'
}

for_zsh() {
    printf '#compdef quickstep quickstep-view\n\n_quickstep() {\n    local -a commands\n    commands=(\n'
    commands | while read -r command about; do printf '        "%s:%s"\n' "$command" "$about"; done
    printf '        "help:the options of a command"\n    )\n'
    printf '    if [[ $service == quickstep-view ]]; then\n        _arguments -s%s\n        return\n    fi\n' \
        "$(table | zsh_specs quickstep-view)"
    printf '    if ((CURRENT == 2)) || [[ $words[2] == help ]]; then\n        _describe command commands\n        return\n    fi\n'
    printf '    local command=$words[2]\n    shift words\n    ((CURRENT--))\n    case $command in\n'
    commands | while read -r command _; do
        printf '    %s) _arguments -s%s \\\n        "*:file:_files" ;;\n' "$command" "$(table | zsh_specs "$command")"
    done
    printf '    esac\n}\n\n_quickstep "$@"\n'
}

for_fish() {
    echo '# fish completion for quickstep'
    commands | while read -r command about; do
        printf "complete -c quickstep -n __fish_use_subcommand -f -a %s -d '%s'\n" "$command" "$about"
    done
    table | awk -F '\t' '{
        program = $1 == "quickstep-view" ? $1 : "quickstep"
        when = $1 == "quickstep-view" ? "" : " -n \"__fish_seen_subcommand_from " $1 "\""
        short = $2 == "-" ? "" : " -s " $2
        value = $4 == "-" ? "" : " -r"
        if ($4 ~ /^[a-z0-9]+(\|[a-z0-9]+)+$/) {
            list = $4
            gsub(/\|/, " ", list)
            value = " -x -a \"" list "\""
        }
        printf "complete -c %s%s%s -l %s%s -d \"%s\"\n", program, when, short, $3, value, $5
    }'
}

"for_$shell"
