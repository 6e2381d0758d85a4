// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Completion;

/// <summary>Small scripts that ask <c>ovd</c> itself, by its <c>[suggest]</c> directive, what may come next.</summary>
internal static class CompletionScripts
{
    public static IReadOnlyDictionary<string, string> All { get; } = new Dictionary<string, string>
    {
        ["bash"] =
            """
            # bash completion for ovd; load with: source <(ovd completion bash)
            _ovd() {
                local current="${COMP_WORDS[COMP_CWORD]}"
                local line="${COMP_LINE:0:COMP_POINT}"
                local IFS=$'\n'
                COMPREPLY=( $(compgen -W "$("${COMP_WORDS[0]}" "[suggest:${#line}]" "$line" 2>/dev/null)" -- "$current") )
            }
            complete -o default -F _ovd ovd
            """,
        ["zsh"] =
            """
            #compdef ovd
            # zsh completion for ovd; load with: source <(ovd completion zsh)
            _ovd() {
                local line="${BUFFER[1,$CURSOR]}"
                local -a suggestions
                suggestions=("${(@f)$("${words[1]}" "[suggest:${#line}]" "$line" 2>/dev/null)}")
                suggestions=("${(@)suggestions:#}")
                (( ${#suggestions} )) && compadd -- "${suggestions[@]}" || _files
            }
            compdef _ovd ovd
            """,
        ["fish"] =
            """
            # fish completion for ovd; load with: ovd completion fish | source
            function __ovd_complete
                set -l line (commandline -cp | string collect)
                ovd "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
            end
            complete -c ovd -a '(__ovd_complete)'
            """,
    };
}
