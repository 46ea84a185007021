# A run that is stopped by the stop file, as by anybody on the machine. The file is one of this example's own.
example=$(realpath docs/examples/decimal-comma.yaml)
cd "$(mktemp -d)" || exit
export PIPEQUAKE_STOP_FILE=stop
pipequake run "$example" --no-cache > run.log 2>&1 &
until grep -qs '"fault.applied"' results/*/arms/decimal*.jsonl; do sleep 0.05; done
echo '$ pipequake stop --reason "incident 4711 in production"'
pipequake stop --reason "incident 4711 in production"
wait $!
echo "exit code $?, and the run said:"
tail -2 run.log
echo '$ pipequake run decimal-comma.yaml'
pipequake run "$example" 2>&1
echo '$ pipequake stop --clear'
pipequake stop --clear
