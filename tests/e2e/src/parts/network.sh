# Two network namespaces that are joined by a pair of virtual Ethernet devices, with a name for the TURN
# server's address. Runs in the TURN server's, which is new, and has a file system of its own. All of it
# is gone when this ends.
#
# Arguments: a directory to write to, the name, and an IPv4 and an IPv6 address of either side, each with
# the length of its prefix.

set -eu
cd "$1"
name=$2 turn_ipv4=$3 turn_ipv6=$4 peer_ipv4=$5 peer_ipv6=$6

# The peer's namespace lives as long as a process in it, which lives until the pipe closes.
mkfifo alive
unshare --net cat alive &
peer=$!
exec 3>alive
until [ "$(readlink "/proc/$peer/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done

configure() {
  "$@" ip link set lo up
  "$@" ip address add "$ipv4" dev "$device"
  # Nobody else has the address, so there is no need to wait for who does.
  "$@" ip address add "$ipv6" dev "$device" nodad
  "$@" ip link set "$device" up
}

ip link add turn0 type veth peer name peer0 netns "$peer"
device=turn0 ipv4=$turn_ipv4 ipv6=$turn_ipv6
configure env
device=peer0 ipv4=$peer_ipv4 ipv6=$peer_ipv6
configure nsenter --target "$peer" --net

echo "${turn_ipv4%/*} $name" >hosts
mount --bind hosts /etc/hosts

echo "$$ $peer" >pids.new
mv pids.new pids
wait "$peer"
