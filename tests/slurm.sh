#!/bin/sh
# A real Slurm on this machine, for as long as this script runs: munged, slurmctld and two slurmd in a folder of their
# own, installed by apt where they are missing. A plan of six models goes through it as `assay slurm` writes it: eight
# tasks, one of them killed and queued again, one at the end of its time, one node drained; what is merged must be the
# run of one machine, byte for byte. BUILD names a finished build; ends with "N passed, N failed[, N skipped]".
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
real=$BUILD/assay
work=$(mktemp -d) || exit 1
passed=0 failed=0
export OMP_WAIT_POLICY=passive

stop_one() { # PID FILE
  [ -s "$1" ] && kill "$(cat "$1")" 2>/dev/null
}
clean_up() {
  if [ -n "$SLURM_CONF" ]; then
    scancel --state=PENDING,RUNNING --user="$(id -un)" 2>/dev/null
    for node in n1 n2; do stop_one "$work/$node.pid"; done
    stop_one "$work/ctld.pid"
    stop_one "$work/munge.pid"
    sleep 1
  fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
end() {
  [ "$failed" -eq 0 ] || tail -n 5 "$work"/log/*.log "$work"/job.slurm/log/* 2>/dev/null
  echo "$passed passed, $failed failed"
  exit "$((failed > 0))"
}
skip() {
  echo "skip slurm: $1"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
}
check() { # NAME COMMAND...
  name=$1
  shift
  if "$@" >"$work/out" 2>&1; then
    passed=$((passed + 1))
    echo "ok slurm: $name"
  else
    failed=$((failed + 1))
    echo "not ok slurm: $name: $(head -c 600 "$work/out" | tr '\n' ' ')"
    false
  fi
}
wait_for() { # SECONDS COMMAND...: until it holds
  tries=$(($1 * 5))
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.2
  done
}

# ---- Slurm --------------------------------------------------------------------------------------------------------
[ "$(id -u)" -eq 0 ] || skip "only root can start its daemons"
if ! command -v slurmctld >/dev/null || ! command -v slurmd >/dev/null || ! command -v munged >/dev/null; then
  command -v apt-get >/dev/null || skip "no slurmctld, slurmd or munged, and no apt-get"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y --no-install-recommends slurm-wlm munge >"$work/apt" 2>&1 ||
    { apt-get update && apt-get install -y --no-install-recommends slurm-wlm munge; } >"$work/apt" 2>&1 ||
    skip "cannot be installed: $(tail -n 1 "$work/apt")"
fi
mkdir "$work/state" "$work/log"
port=$((20000 + $$ % 20000))
cat >"$work/slurm.conf" <<END
ClusterName=assay
SlurmctldHost=localhost
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge.sock
SlurmctldPort=$port
StateSaveLocation=$work/state
SlurmctldPidFile=$work/ctld.pid
SlurmdPidFile=$work/%n.pid
SlurmdSpoolDir=$work/spool.%n
SlurmctldLogFile=$work/log/ctld.log
SlurmdLogFile=$work/log/%n.log
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=2
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=1 RealMemory=4000
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=1 RealMemory=4000
PartitionName=p Nodes=n1,n2 Default=YES State=UP MaxTime=INFINITE
END
export SLURM_CONF="$work/slurm.conf"
chmod 755 "$work"
head -c 1024 /dev/urandom >"$work/munge.key"
chmod 600 "$work/munge.key"
munged --force --key-file="$work/munge.key" --socket="$work/munge.sock" --pid-file="$work/munge.pid" \
  --log-file="$work/log/munge.log" --seed-file="$work/munge.seed" 2>"$work/log/start.log"
wait_for 10 test -S "$work/munge.sock" || skip "munged does not start here: $(tail -n 1 "$work/log/start.log")"
{ slurmctld && slurmd -N n1 && slurmd -N n2; } >>"$work/log/start.log" 2>&1
nodes_up() { [ "$(sinfo -h -N -t idle -o %N | sort -u | wc -l)" -eq 2 ]; }
wait_for 30 nodes_up || skip "no two nodes come up here: $(tail -n 1 "$work/log/ctld.log")"

# ---- six models, two sets -----------------------------------------------------------------------------------------
cd "$work" || exit 1
"$real" demo --untrained --quick -o demo -q >/dev/null 2>"$work/out" || {
  check "a world to see" cat nothing
  end
}
{
  printf '[benchmark]\nname = job\n'
  for set in train val v2; do
    printf '[dataset %s]\npath = demo/world/%s\nclasses = demo/world/classes.txt\n' $set $set
    [ $set = train ] && echo 'role = train'
  done
  for i in 0 1 2 3 4 5; do
    "$real" init --arch vit_demo --seed $i -o w$i.safetensors -q >/dev/null
    printf '[model m%s]\nweights = w%s.safetensors\nhead = %s\n' $i $i "$([ $i -lt 3 ] && echo probe || echo knn)"
  done
} >job.plan
whole() { "$real" run job.plan -o whole -q --threads 1; }
check "the run of one machine" whole || end
writes() { "$real" slurm job.plan --tasks 8 --threads 1 -q; }
check "assay slurm writes the jobs" writes || end
for job in part merge; do
  check "sbatch --test-only accepts $job.sh" sbatch --test-only job.slurm/$job.sh
  check "$job.sh and submit.sh are sh" sh -n job.slurm/$job.sh job.slurm/submit.sh
done

# A node that lacks a file says so, and which: the check alone, as task 0 would do it.
mv w4.safetensors hidden
lacks() {
  SLURM_ARRAY_TASK_ID=0 sh job.slurm/part.sh >"$work/lacks" 2>&1
  [ $? -eq 3 ] && grep -q "^$(uname -n): .*w4.safetensors" "$work/lacks" && [ ! -e job.slurm/part-0-of-8 ]
}
check "a node without a file is named, and the file" lacks
mv hidden w4.safetensors

# Parts 2 and 5 hold still in the middle of their rows when they run for the first time: 2 to be killed there, 5 to come
# to the end of its time, of which it is told. (Slurm looks at limits of time every half minute.)
cat >holding <<END
#!/bin/sh
for i in 2 5; do
  case "\$*" in *part-\$i-of-8*) [ -e '$work/held.'\$i ] || hold=\$i ;; esac
done
[ -n "\$hold" ] || exec '$real' "\$@"
'$real' "\$@" &
run=\$!
trap 'echo TERM >>$work/told.'\$hold'; kill -TERM \$run; kill -CONT \$run' TERM
until ls '$work'/job.slurm/part-\$hold-of-8/rows/*.rows >/dev/null 2>&1; do kill -0 \$run || break; done
kill -STOP \$run
touch '$work/held.'\$hold
wait \$run
code=\$?
while kill -0 \$run 2>/dev/null; do
  wait \$run
  code=\$?
done
echo "\$code" >>'$work/told.'\$hold
exit \$code
END
chmod +x holding
sed -i "s|^assay=.*|assay='$work/holding'|" job.slurm/part.sh
sh job.slurm/submit.sh >ids 2>"$work/out"
check "submit.sh queues them" grep -q '^part [0-9]*, merge [0-9]*$' ids || end
part=$(sed 's/^part \([0-9]*\),.*/\1/' ids) merge=$(sed 's/.*merge //' ids)
state_is() { # JOB STATE
  scontrol show job "$1" 2>/dev/null | grep -q "JobState=$2"
}
check "part 5 has a minute" scontrol update JobId="${part}_5" TimeLimit=1
check "part 2 is under way" wait_for 60 test -e held.2 || end
check "and killed and queued again in the middle" scontrol requeue "${part}_2"
node=$(scontrol show job "${part}_2" | sed -n 's/.* NodeList=\(n[12]\).*/\1/p' | head -n 1)
check "a node is drained" scontrol update NodeName="${node:-n2}" State=DRAIN Reason=test
merged() { # Slurm lets a job that was queued again wait for two minutes, unless it is told otherwise
  for i in 2 5; do
    scontrol show job "${part}_$i" | grep -q 'Restarts=1' && state_is "${part}_$i" PENDING &&
      scontrol update JobId="${part}_$i" StartTime=now
  done
  state_is "$merge" COMPLETED
}
check "all parts end well and the merge runs after them" wait_for 300 merged ||
  { squeue -o '%i %T %r' && scontrol show job "$merge" | grep -E 'JobState|Reason'; }
restarted() { scontrol show job "${part}_$1" | grep -q 'Restarts=1'; }
check "part 2 ran twice" restarted 2
check "part 5 ran twice" restarted 5
kept() { [ "$(tr '\n' ' ' <told.5)" = "TERM 75 " ] && ! grep -q "TIME LIMIT" job.slurm/log/part-5.txt; }
check "part 5 was told before its time was over, and stopped with its work kept" kept
one_node() { sinfo -h -N -t drain,drng -o %N | grep -q n; }
check "the node is drained still" one_node
check "the merged run is that of one machine, byte for byte" diff -r -x place.json whole job.slurm/out
check "and verifies by its files" "$real" verify job.slurm/out --files -q
end
