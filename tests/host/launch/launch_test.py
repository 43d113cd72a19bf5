"""fvattn launch: ranks, exit codes, names, signals. mpirun's part is skipped where there is no mpirun."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import OK, UNAVAILABLE, USAGE, ProgramTest, main

RANK = "${OMPI_COMM_WORLD_RANK:-$FASTVIDEO_ATTENTION_DIST_RANK}"
needs_mpirun = unittest.skipUnless(shutil.which("mpirun"), "there is no mpirun here")


class Launch(ProgramTest):
    def launch(self, *args, script, ranks=3, timeout=30, **kw):
        return self.fvattn("launch", "-n", ranks, *args, "--", "sh", "-c", script, timeout=timeout, **kw)

    def lines(self, done):
        return sorted(line for line in done.out.splitlines() if line)


@needs_mpirun
class ByMpirun(Launch):
    def test_every_rank_runs_and_knows_which_it_is(self):
        done = self.launch(script='echo "$OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE $OMP_NUM_THREADS $#"', ranks=4)
        self.assertEqual((done.code, len(self.lines(done))), (OK, 4), done.err)
        threads = max(1, os.cpu_count() // 4)
        self.assertEqual(self.lines(done), [f"{r} of 4 {threads} 0" for r in range(4)])
        self.assertIn("4 ranks by mpirun --oversubscribe", done.err)
        self.assertEqual("--allow-run-as-root" in done.err, os.geteuid() == 0)

    def test_the_first_failure_decides_and_is_named(self):
        for end, code, text in (
            ("exit 5", 5, "rank 1 ended with exit code 5"),
            ("kill -9 $$", 137, "rank 1 was ended by signal 9 (Killed)"),
            ("exit 3", 3, "rank 1 ended with exit code 3"),
        ):
            start = time.monotonic()
            done = self.launch(script=f"[ {RANK} = 1 ] && {end}; sleep 20")
            self.assertLess(time.monotonic() - start, 12)
            self.assertEqual(done.code, code, done.err)
            self.assertIn("fvattn launch: error: " + text, done.err)
            self.assertNotIn("Process name", done.err)

    def test_what_ranks_print_passes_through(self):
        done = self.launch(script='echo out; echo err >&2; printf "\\n---\\n" >&2')
        self.assertEqual(self.lines(done), ["out"] * 3)
        self.assertEqual(done.err.count("err\n"), 3)
        self.assertEqual(done.err.count("---\n"), 3)

    def test_json_is_one_document(self):
        done = self.launch("--json", script=f"echo noise; [ {RANK} = 2 ] && exit 4; sleep 20")
        self.assertEqual(done.json(), {"ranks": 3, "device": "cpu", "exit_code": 4, "failed_rank": 2})
        self.assertEqual(done.code, 4)

    def test_the_programs_own_arguments_are_its_own(self):
        done = self.fvattn("launch", "-n", 1, "--", "sh", "-c", 'echo "$@"', "x", "--json", "-n", "--", "7")
        self.assertEqual(self.lines(done), ["--json -n -- 7"])

    def test_fvattn_is_the_one_of_this_installation(self):
        done = self.fvattn("launch", "-n", 2, "--", "fvattn", "version")
        self.assertEqual(len(self.lines(done)), 2, done.err)


class Here(Launch):
    NAMES = "RANK WORLD_SIZE LOCAL_RANK MASTER_ADDR MASTER_PORT".split()
    OWN = [f"FASTVIDEO_ATTENTION_DIST_{n}" for n in "RANK SIZE LOCAL_RANK ADDRESS PORT".split()]

    def here(self, script, *args, **kw):
        return self.launch("--device", "cuda", *args, script=script, **kw)

    def test_variables(self):
        names = " ".join("$" + name for name in self.OWN + self.NAMES)
        done = self.here(f"echo {names}")
        self.assertEqual(done.code, OK, done.err)
        words = [line.split() for line in self.lines(done)]
        self.assertEqual(len(words), 3)
        port = words[0][4]
        for rank, line in enumerate(words):
            self.assertEqual(line, [str(rank), "3", str(rank), "127.0.0.1", port] * 2)

    def test_the_first_failure_ends_the_others(self):
        for end, code, text in (
            ("exit 6", 6, "rank 2 ended with exit code 6"),
            ("kill -11 $$", 139, "rank 2 was ended by signal 11"),
        ):
            start = time.monotonic()
            done = self.here(f"[ $RANK = 2 ] && {end}; sleep 20")
            self.assertLess(time.monotonic() - start, 10)
            self.assertEqual(done.code, code)
            self.assertIn(text, done.err)

    def test_who_ignores_the_end_is_killed(self):
        start = time.monotonic()
        done = self.here("[ $RANK = 0 ] && exit 1; trap '' TERM; sleep 30; sleep 30")
        self.assertLess(time.monotonic() - start, 12)
        self.assertEqual(done.code, 1)

    def test_json(self):
        done = self.here("echo noise; exit $RANK", "--json", ranks=2)
        self.assertEqual(done.json(), {"ranks": 2, "device": "cuda", "exit_code": 1, "failed_rank": 1})

    def test_only_rank_0_reads_the_input(self):
        command = [self.program, "launch", "-n", "2", "--device", "cuda", "--", "sh", "-c", 'echo "$RANK:$(cat)"']
        done = subprocess.run(command, input="text", text=True, capture_output=True, timeout=20)
        self.assertEqual(sorted(done.stdout.split()), ["0:text", "1:"])


class Signals(Launch):
    """What the launcher gets, its ranks get; and they end with it."""

    WAITS = f"trap 'touch down{RANK}; exit 0' TERM; touch up{RANK}; while :; do sleep 0.05; done"

    def start(self, device, script):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        command = [self.program, "launch", "-n", "2", "--device", device, "--", "sh", "-c", f"cd {self.folder}; {script}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.wait_for("up0", "up1")
        return process

    def wait_for(self, *names, seconds=10):
        end = time.monotonic() + seconds
        while not all(os.path.exists(os.path.join(self.folder, name)) for name in names):
            self.assertLess(time.monotonic(), end, f"{names} are not there")
            time.sleep(0.02)

    def devices(self):
        return ["cuda"] + (["cpu"] if shutil.which("mpirun") else [])

    def test_termination(self):
        for device in self.devices():
            process = self.start(device, self.WAITS)
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=15)
            self.wait_for("down0", "down1")
            if device == "cpu":
                self.assertEqual(process.returncode, 128 + 15)
                self.assertIn("all ranks were ended by signal 15 (Terminated)", errors)

    def test_user_signals_pass(self):
        for device in self.devices():
            process = self.start(device, f"trap 'touch usr{RANK}' USR1; touch up{RANK}; "
                                         f"while [ ! -e usr{RANK} ]; do sleep 0.05; done; true")
            process.send_signal(signal.SIGUSR1)
            self.wait_for("usr0", "usr1")
            process.communicate(timeout=15)
            self.assertEqual(process.returncode, OK)

    def test_a_launcher_that_is_killed_takes_its_ranks_along(self):
        for device in self.devices():
            process = self.start(device, self.WAITS)
            process.kill()
            process.wait(timeout=10)
            self.wait_for("down0", "down1")


class Usage(ProgramTest):
    def test_mistakes(self):
        self.ends(USAGE, "launch", says="--ranks is required")
        self.ends(USAGE, "launch", "-n", "2", says="there is nothing to launch")
        self.ends(USAGE, "launch", "-n", "0", "--", "true", says="1 to 1024")
        self.ends(USAGE, "launch", "-n", "2", "--device", "tpu", "--", "true", says="cpu, cuda")
        self.ends(USAGE, "launch", "-n", "2", "--rank", "--", "true", says="--ranks")
        self.ends(USAGE, "launch", "-n", "2", "--", "no-such-program", says="no-such-program")
        self.ends(USAGE, "launch", "-n", "2", "--device", "cuda", "--hosts", "a", "--", "true", says="mpirun")
        self.ends(OK, "launch", "--help", says="Example")

    def test_no_mpirun(self):
        self.ends(UNAVAILABLE, "launch", "-n", "2", "--", "/bin/true", env={"PATH": "/nonexistent"}, says="openmpi-bin")


if __name__ == "__main__":
    main([])
