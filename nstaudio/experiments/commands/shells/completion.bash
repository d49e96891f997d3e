# bash completion of nstaudio:  eval "$(nstaudio completion bash)"

_nstaudio() {
    # Readline breaks words at `=`; put them together again.
    local words=() word n=0 i joins=0
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if ((n > 0)) && { ((joins)) || [[ $word == "="* ]]; }; then
            words[n - 1]+="$word"
        else
            words[n++]="$word"
        fi
        joins=0
        [[ $word == "=" ]] && joins=1
    done
    local current="${words[n - 1]}" reply IFS=$'\n'
    reply="$("${COMP_WORDS[0]}" completion words "${words[@]}" 2> /dev/null)"
    COMPREPLY=()
    if [[ $reply == "<files>" ]]; then
        compopt -o filenames 2> /dev/null
        COMPREPLY=($(compgen -f -- "${current#*=}"))
        return
    fi
    local before=""  # what stands in the line already, and Readline does not replace
    [[ $COMP_WORDBREAKS == *"="* && $current == *"="* ]] && before="${current%%=*}="
    for word in $reply; do
        [[ $word == *[=.] ]] && compopt -o nospace 2> /dev/null
        COMPREPLY+=("${word#"$before"}")
    done
}
complete -F _nstaudio nstaudio
