# Puts the node into namespaces of its own and passes on the signal to end it. This shell has left the mounts of the
# machine; its first child is process 1 of the process namespace, which the kernel ends with all its processes.
setpriv --pdeathsig KILL bash "$1" &
node=$!
trap 'kill -TERM $node' TERM
wait $node
status=$?
# A signal ends the first wait, not the node.
wait $node
exit $status
