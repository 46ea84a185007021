# A run on real processes whose harness is killed with SIGKILL while a fault is in effect.
cd "$(mktemp -d)" || exit
cat > cut-off.yaml <<'YAML'
name: cut-off
warmup: 30m
horizon: 3h
steady_state: []
faults:
  - {fault: network.partition, point: "link:serving->store", at: 10m, for: 2h}
  - {fault: process.pause, point: "service:monitoring", at: 12m, for: 2h}
expect: [{outcome: caught}]
YAML
pipequake run cut-off.yaml --profile basic --backend local > run.log 2>&1 &
until [ "$(cat results/*/arms/*.jsonl 2>/dev/null | grep -c '"fault.applied"')" = 2 ]; do sleep 0.2; done
kill -9 $!
sleep 12
cat results/*/watchdog.log
echo '$ pipequake recover'
pipequake recover
