# Written by tools/command_line_pages. Names of nodes are not completed: they are text of strangers.

# The commands before the cursor: the words that are no options, without the program's name.
function __distflow_commands
    set -l words (commandline -opc | string match -v -- '-*')
    set -e words[1]
    string join -- \n $words
end

# Whether the commands are these, and no more.
function __distflow_is_at
    set -l words (__distflow_commands)
    test "$words" = "$argv"
end

# Whether the commands are these, and any words behind them.
function __distflow_is_in
    set -l words (__distflow_commands)
    string match -q -- "$argv *" "$words "
end

complete -c distflow -f
complete -c distflow-pmd -f
complete -c distflow -n '__distflow_is_at' -s h -l help -d 'Print this help message and exit'
complete -c distflow -n '__distflow_is_at' -l version -d 'Print the version and end'
complete -c distflow -n '__distflow_is_at' -a pmd -d 'The port mapper daemon, which knows the nodes by name'
complete -c distflow -n '__distflow_is_at' -a version -d 'Print the version and end'
complete -c distflow -n '__distflow_is_at' -a nodes -d 'Show the nodes, one line each, by name'
complete -c distflow -n '__distflow_is_at' -a listen -d 'Be a node, and print each message as a line of JSON'
complete -c distflow -n '__distflow_is_at' -a send -d 'Send messages to a node'
complete -c distflow -n '__distflow_is_at' -a doctor -d 'Look for what may keep nodes from working, and say what to do'
complete -c distflow -n '__distflow_is_in pmd' -s h -l help -d 'Print this help message and exit'
complete -c distflow -n '__distflow_is_at pmd' -a start -d 'Start a PMD in the background'
complete -c distflow -n '__distflow_is_at pmd' -a status -d 'Say whether a PMD runs, and how many nodes it has'
complete -c distflow -n '__distflow_is_at pmd' -a list -d 'List the registered nodes'
complete -c distflow -n '__distflow_is_at pmd' -a resolve -d 'Find a node by its alias or nodeId'
complete -c distflow -n '__distflow_is_at pmd' -a kill -d 'Tell the PMD to end; refused while nodes are registered'
complete -c distflow -n '__distflow_is_in pmd start' -s h -l help -d 'Print this help message and exit'
complete -c distflow -n '__distflow_is_in pmd start' -l host -x -d 'Host of the PMD'
complete -c distflow -n '__distflow_is_in pmd start' -l port -x -d 'Port of the PMD'
complete -c distflow -n '__distflow_is_in pmd start' -l ttl -x -d 'Seconds after which a silent node is forgotten'
complete -c distflow -n '__distflow_is_in pmd start' -l idle-exit -x -d 'Seconds without any node after which it ends'
complete -c distflow -n '__distflow_is_in pmd start' -l log-level -x -a 'error warn info debug' -d 'How much it logs'
complete -c distflow -n '__distflow_is_in pmd status' -s h -l help -d 'Print this help message and exit'
complete -c distflow -n '__distflow_is_in pmd status' -l host -x -d 'Host of the PMD'
complete -c distflow -n '__distflow_is_in pmd status' -l port -x -d 'Port of the PMD'
complete -c distflow -n '__distflow_is_in pmd status' -l json -d 'Print one JSON object, for errors too'
complete -c distflow -n '__distflow_is_in pmd list' -s h -l help -d 'Print this help message and exit'
complete -c distflow -n '__distflow_is_in pmd list' -l host -x -d 'Host of the PMD'
complete -c distflow -n '__distflow_is_in pmd list' -l port -x -d 'Port of the PMD'
complete -c distflow -n '__distflow_is_in pmd list' -l json -d 'Print one JSON object, for errors too'
complete -c distflow -n '__distflow_is_in pmd resolve' -s h -l help -d 'Print this help message and exit'
complete -c distflow -n '__distflow_is_in pmd resolve' -l host -x -d 'Host of the PMD'
complete -c distflow -n '__distflow_is_in pmd resolve' -l port -x -d 'Port of the PMD'
complete -c distflow -n '__distflow_is_in pmd resolve' -l json -d 'Print one JSON object, for errors too'
complete -c distflow -n '__distflow_is_in pmd kill' -s h -l help -d 'Print this help message and exit'
complete -c distflow -n '__distflow_is_in pmd kill' -l host -x -d 'Host of the PMD'
complete -c distflow -n '__distflow_is_in pmd kill' -l port -x -d 'Port of the PMD'
complete -c distflow -n '__distflow_is_in pmd kill' -l json -d 'Print one JSON object, for errors too'
complete -c distflow -n '__distflow_is_in pmd kill' -l force -d 'End it although nodes are registered'
complete -c distflow -n '__distflow_is_in version' -s h -l help -d 'Print this help message and exit'
complete -c distflow -n '__distflow_is_in nodes' -s h -l help -d 'Print this help message and exit'
complete -c distflow -n '__distflow_is_in nodes' -l host -x -d 'Host of the PMD'
complete -c distflow -n '__distflow_is_in nodes' -l port -x -d 'Port of the PMD'
complete -c distflow -n '__distflow_is_in nodes' -l json -d 'Print one JSON object, for errors too'
complete -c distflow -n '__distflow_is_in nodes' -l limit -x -d 'At most so many nodes'
complete -c distflow -n '__distflow_is_in nodes' -l after -x -d 'Only names after this one: the next page'
complete -c distflow -n '__distflow_is_in nodes' -l watch -d 'Go on, and print who joins and leaves'
complete -c distflow -n '__distflow_is_in listen' -s h -l help -d 'Print this help message and exit'
complete -c distflow -n '__distflow_is_in listen' -l host -x -d 'Host of the PMD'
complete -c distflow -n '__distflow_is_in listen' -l port -x -d 'Port of the PMD'
complete -c distflow -n '__distflow_is_in listen' -l as -x -d 'The alias that others send to'
complete -c distflow -n '__distflow_is_in listen' -l count -x -d 'End after so many messages'
complete -c distflow -n '__distflow_is_in send' -s h -l help -d 'Print this help message and exit'
complete -c distflow -n '__distflow_is_in send' -l host -x -d 'Host of the PMD'
complete -c distflow -n '__distflow_is_in send' -l port -x -d 'Port of the PMD'
complete -c distflow -n '__distflow_is_in send' -l json -d 'Print one JSON object, for errors too'
complete -c distflow -n '__distflow_is_in send' -l timeout -x -d 'Seconds to wait until all have left; 5 if not given'
complete -c distflow -n '__distflow_is_in doctor' -s h -l help -d 'Print this help message and exit'
complete -c distflow -n '__distflow_is_in doctor' -l host -x -d 'Host of the PMD'
complete -c distflow -n '__distflow_is_in doctor' -l port -x -d 'Port of the PMD'
complete -c distflow -n '__distflow_is_in doctor' -l json -d 'Print one JSON object, for errors too'
complete -c distflow-pmd -n '__distflow_is_at' -s h -l help -d 'Print this help message and exit'
complete -c distflow-pmd -n '__distflow_is_at' -l version -d 'Print the version and end'
complete -c distflow-pmd -n '__distflow_is_at' -l port -x -d 'Port to listen at; 0 lets the system choose'
complete -c distflow-pmd -n '__distflow_is_at' -l host -x -d 'Address to listen at; with 127.0.0.1, ::1 too'
complete -c distflow-pmd -n '__distflow_is_at' -l ttl -x -d 'Seconds that a node that sends heartbeats lives without one'
complete -c distflow-pmd -n '__distflow_is_at' -l idle-exit -x -d 'Seconds without a connection after which to end; else never'
complete -c distflow-pmd -n '__distflow_is_at' -l log-level -x -a 'error warn info debug' -d 'Error, warn, info or debug'
complete -c distflow-pmd -n '__distflow_is_at' -l frame-max -x -d 'Bytes of the longest request'
complete -c distflow-pmd -n '__distflow_is_at' -l connections-max -x -d 'Connections at once'
complete -c distflow-pmd -n '__distflow_is_at' -l backend -x -a 'auto epoll kqueue uring' -d 'I/O backend: auto, epoll, kqueue or uring; else DISTFLOW_IO\'s'
complete -c distflow-pmd -n '__distflow_is_at' -l ready-fd -x -d 'Descriptor to report on, a line "ready PORT" or "in-use PORT"'
