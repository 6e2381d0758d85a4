// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Completion;

/// <summary>
/// Small scripts that ask <c>ovd</c> itself, by its <c>[suggest]</c> directive, what may come next. Options are offered once a dash has been typed, or when
/// there is nothing else; file names when there is nothing at all. Names come from the server: no script lets the shell expand them.
/// </summary>
internal static class CompletionScripts
{
    public static IReadOnlyDictionary<string, string> All { get; } = new Dictionary<string, string>
    {
        ["bash"] =
            """
            # bash completion for ovd; load with: source <(ovd completion bash)
            _ovd() {
                local current="${COMP_WORDS[COMP_CWORD]}" line="${COMP_LINE:0:COMP_POINT}" typed suggestion
                local -a found=() options=()
                typed="${current#[\"\']}"
                while IFS= read -r suggestion; do
                    case "$suggestion" in
                        /* | '-?') ;;
                        -*) [[ "$suggestion" == "$typed"* ]] && options+=("$suggestion") ;;
                        ?*) [[ "$suggestion" == "$typed"* ]] && found+=("$suggestion") ;;
                    esac
                done < <("${COMP_WORDS[0]}" "[suggest:${#line}]" "$line" 2>/dev/null)
                (( ${#found[@]} )) || found=("${options[@]}")
                COMPREPLY=()
                for suggestion in "${found[@]}"; do
                    # Inside an open quote bash inserts the word as it is.
                    [[ "$current" == [\"\']* ]] || printf -v suggestion '%q' "$suggestion"
                    COMPREPLY+=("$suggestion")
                done
            }
            complete -o default -F _ovd ovd
            """,
        ["zsh"] =
            """
            #compdef ovd
            # zsh completion for ovd; load with: source <(ovd completion zsh), or save it as _ovd in a directory of $fpath.
            _ovd() {
                local line="${BUFFER[1,$CURSOR]}"
                local -a suggestions options
                suggestions=("${(@f)$("${words[1]}" "[suggest:${#line}]" "$line" 2>/dev/null)}")
                suggestions=("${(@)suggestions:#(|/*|-\?)}")
                options=("${(@M)suggestions:#-*}")
                suggestions=("${(@)suggestions:#-*}")
                [[ "$PREFIX" == -* ]] || (( ! ${#suggestions} )) && suggestions=("${(@)options}")
                (( ${#suggestions} )) && compadd -- "${(@)suggestions}" || _files
            }
            if [[ "$funcstack[1]" == _ovd ]]; then
                _ovd "$@"
            else
                (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
                compdef _ovd ovd
            fi
            """,
        ["fish"] =
            """
            # fish completion for ovd; load with: ovd completion fish | source
            function __ovd_complete
                set -l line (commandline -cp | string collect)
                set -l current (commandline -ct | string collect)
                set -l found
                set -l options
                for suggestion in (ovd "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null)
                    switch "$suggestion"
                        case '' '/*' '-\?'
                        case '-*'
                            set -a options $suggestion
                        case '*'
                            set -a found $suggestion
                    end
                end
                if string match -q -- '-*' "$current"; or test (count $found) -eq 0
                    set found $options
                end
                if test (count $found) -gt 0
                    printf '%s\n' $found
                else
                    __fish_complete_path "$current"
                end
            end
            complete -c ovd -f -a '(__ovd_complete)'
            """,
    };
}
