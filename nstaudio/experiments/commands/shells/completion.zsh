#compdef nstaudio
# zsh completion of nstaudio:  eval "$(nstaudio completion zsh)"

_nstaudio() {
    local reply
    reply="$(${words[1]} completion words "${(@)words[2,CURRENT-1]}" "$PREFIX" 2> /dev/null)"
    if [[ $reply == "<files>" ]]; then
        compset -P '*='
        _files
        return
    fi
    local -a found=(${(f)reply})
    local -a whole=(${found:#*[=.]}) more=(${(M)found:#*[=.]})
    (( $#whole )) && compadd -Q -- $whole
    (( $#more )) && compadd -Q -S '' -- $more
}
compdef _nstaudio nstaudio
