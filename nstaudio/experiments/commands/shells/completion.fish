# fish completion of nstaudio:  nstaudio completion fish | source

function __nstaudio_words
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l reply ($words[1] completion words $words[2..-1] "$current" 2>/dev/null)
    if test "$reply" != "<files>"
        printf '%s\n' $reply
        return
    end
    set -l key (string match -r '^[^=]*=' -- $current)
    __fish_complete_path (string replace -r '^[^=]*=' '' -- $current) | string replace -r '^' "$key"
end
complete -c nstaudio -f -a '(__nstaudio_words)'
