# Stops what scripts/start has started, when its input ends: that is how start.ts asks for it, and what comes of itself
# when start.ts is gone in any other way. Each line holds the processes of that moment in the order in which they stop:
# whoever is told of handed-back tasks outlives who hands them back.
trap '' HUP INT TERM

TURNS=20

# Whether it is gone within some seconds.
is_gone() {
  turn=0
  while kill -0 "$1" 2>/dev/null; do
    [ "$turn" -lt "$TURNS" ] || return 1
    turn=$((turn + 1))
    sleep 0.2
  done
}

processes=
while read -r line; do processes=$line; done
for process in $processes; do
  # The second one hurries: a worker hands back at once what it has not finished.
  for signal in TERM TERM KILL; do
    kill "-$signal" "$process" 2>/dev/null || break
    is_gone "$process" && break
  done
done
