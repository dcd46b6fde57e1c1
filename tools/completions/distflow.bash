# Completion of distflow's commands and options for bash: source it, or install it as
# share/bash-completion/completions/distflow. Names of nodes are not completed: they are text of strangers, and bash
# expands the words that it completes. A test holds it to what `distflow --help` says.

_distflow() {
  local word=${COMP_WORDS[COMP_CWORD]} command='' choices='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      pmd | version | nodes | node | top | audit | dead-letters | metrics | ping | listen | send | ask | web | doctor) [ -n "$command" ] || command=${COMP_WORDS[i]} ;;
      start | status | list | resolve | kill) [ "$command" != pmd ] || command="pmd ${COMP_WORDS[i]}" ;;
    esac
  done
  case ${COMP_WORDS[COMP_CWORD - 1]} in
    --log-level)
      mapfile -t COMPREPLY < <(compgen -W 'error warn info debug' -- "$word")
      return
      ;;
    --sort)
      mapfile -t COMPREPLY < <(compgen -W 'dropped name in out queued mailbox p99 cpu' -- "$word")
      return
      ;;
    --host | --port | --ttl | --idle-exit | --web-port | --limit | --after | --as | --count | --timeout | --interval)
      COMPREPLY=()
      return
      ;;
  esac
  case $command in
    '') choices='pmd version nodes node top audit dead-letters metrics ping listen send ask web doctor --help --version' ;;
    pmd) choices='start status list resolve kill --help' ;;
    version) choices='--help' ;;
    nodes) choices='--help --host --port --json --limit --after --watch' ;;
    dead-letters) choices='--help --host --port --json --redrive' ;;
    metrics) choices='--help --host --port' ;;
    web) choices='--help --host --port --web-port' ;;
    listen) choices='--help --host --port --as --count' ;;
    top) choices='--help --host --port --json --sort --interval --count' ;;
    ping) choices='--help --host --port --json --count --interval --timeout' ;;
    send | ask) choices='--help --host --port --json --timeout' ;;
    'pmd start') choices='--help --host --port --ttl --idle-exit --log-level --web-port' ;;
    'pmd kill') choices='--help --host --port --json --force' ;;
    *) choices='--help --host --port --json' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}
complete -F _distflow distflow
