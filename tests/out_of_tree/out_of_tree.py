#!/usr/bin/env python3
"""A stranger's plugins: built against the installed SDK alone, dropped into a folder, used by an installed fvattn.

out_of_tree.py build BUILD WORK           installs the SDK, makes and builds the plugins, drops their files
out_of_tree.py use BUILD WORK TORCH       installs fvattn and uses the dropped plugins (TORCH: ON or OFF, is `run` there)
out_of_tree.py moved BUILD WORK TORCH     the same after the installed prefix was moved
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True  # the source tree stays clean
import tensors

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent / "docs" / "examples"


def run(*command, env=None, code=0):
    """stdout and stderr of the command; anything but the expected exit code ends the test."""
    done = subprocess.run([str(part) for part in command], env=env, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != code:
        sys.exit(f"{' '.join(map(str, command))}\nended with {done.returncode}, {code} was expected:\n{done.stdout}")
    return done.stdout


def expect(condition, what, seen=""):
    if not condition:
        sys.exit(f"FAIL {what}\n{seen}")


def installed(build, prefix, *components):
    shutil.rmtree(prefix, ignore_errors=True)
    for component in components:
        run("cmake", "--install", build, "--prefix", prefix, "--component", component)


def build_plugin(source, work, prefix):
    out = work / "build" / source.name
    run("cmake", "-S", source, "-B", out, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", out)
    print(run("ctest", "--test-dir", out, "--output-on-failure"))
    return out


def build(build_tree, work):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    prefix = work / "sdk"
    installed(build_tree, prefix, "sdk")
    foreign = [p for p in prefix.rglob("*") if p.name in ("registry.hpp", "libfvattn.so", "fvattnConfig.cmake")]
    expect(not foreign, "the SDK installs alone", foreign)

    stranger = work / "stranger"
    run(build_tree / "bin" / "fvattn", "plugin", "new", "stranger", stranger)
    files = sorted(p.name for p in stranger.iterdir())
    expect(0 < len(files) <= 5 and not any("@" in name for name in files), "at most five files, all named", files)
    left = [p for p in stranger.iterdir() if "@name@" in p.read_text() or "@NAME@" in p.read_text()]
    expect(not left, "every placeholder is filled", left)

    dropped = work / "dropped"
    dropped.mkdir()
    for source in (stranger, HERE / "plugins" / "every_slot", EXAMPLES / "02_plugin_cpp", EXAMPLES / "03_plugin_c",
                   EXAMPLES / "04_policy"):
        out = build_plugin(source, work, prefix)
        for file in [*out.glob("libfvattn_*.so"), *out.glob("*.fvattn.toml")]:
            shutil.copy2(file, dropped)
    shutil.copy2(HERE / "plugins" / "every_slot" / "fvattn-every-slot", dropped)
    expect(len(list(dropped.glob("*.so"))) == 5, "five plugins", list(dropped.iterdir()))


def random_tensor(*shape):
    count = 1
    for extent in shape:
        count *= extent
    return shape, [random.gauss(0, 1) for _ in range(count)]


def check_list(program, env):
    rows = {row["backend"]: row for row in json.loads(run(program, "list", "--json", env=env))["backends"]}
    for name in ("STRANGER_ATTN", "EVERY_SLOT_ATTN", "NEAR_ATTN", "UNIFORM_ATTN", "SLIDING_WINDOW_ATTN"):
        expect(name in rows and rows[name]["state"] == "ready" and rows[name]["source"] == "path", f"list has {name}", rows)
    expect(rows["STRANGER_ATTN"]["class"] == "exact" and rows["EVERY_SLOT_ATTN"]["class"] == "sparse", "classes", rows)
    expect("STRANGER_ATTN" in run(program, "list", env=env), "the table has it too")


def check_verb(program, env):
    text = run(program, "every-slot", "0", "tile size", env=env)
    expect(text == "every-slot was called with: 0 tile size\n", "a plugin's verb", text)
    run(program, "every-slot", "7", env=env, code=7)


def check_run(program, env, work):
    source, target = work / "in.safetensors", work / "out.safetensors"
    q, k, v = random_tensor(2, 9, 4, 8), random_tensor(2, 13, 2, 8), random_tensor(2, 13, 2, 8)
    tensors.write(source, {"q": q, "k": k, "v": v})
    exact = tensors.attention(q, k, v)

    def result(backend, *arguments):
        target.unlink(missing_ok=True)
        chosen = env | {"FASTVIDEO_ATTENTION_BACKEND": backend}
        run(program, "run", "--input", source, "--output", target, *arguments, env=chosen)
        out, metadata = tensors.read(target)
        expect(backend in json.dumps(metadata), "the file says which backend made it", metadata)
        return out

    o = result("STRANGER_ATTN")["o"][1]
    expect(tensors.relative_l2(o, exact) < 1e-5, "the template computes attention", tensors.relative_l2(o, exact))
    parameters = {"es_int": 1, "es_number": 1.5, "es_bool": True, "es_string": "half", "es_ints": [1, -3],
                  "es_numbers": [0.25, 0.5], "es_tensor": [[1, 2], [3, -3]], "es_gain": 0.5}
    out = result("EVERY_SLOT_ATTN", *(word for key, value in parameters.items()
                                      for word in ("--param", f"{key}={json.dumps(value)}")))
    factor = 0.5 * (1 + 1.5 * 2 + 0.5 - 2 + 0.75 + 3)
    expect(tensors.relative_l2(out["o"][1], [factor * x for x in exact]) < 1e-5, "metadata and options reach the plugin")
    expect(out["es_row_sum"][0] == [2, 4, 9], "a planned output comes out", list(out))

    bias, d_o = random_tensor(2, 9, 4, 8), random_tensor(2, 9, 4, 8)
    tensors.write(source, {"q": q, "k": k, "v": v, "es_bias": bias, "d_o": d_o})
    out = result("EVERY_SLOT_ATTN")
    biased = [x + y for x, y in zip(exact, bias[1])]
    expect(tensors.relative_l2(out["o"][1], biased) < 1e-5, "an extra tensor is used")
    expect(tensors.relative_l2(out["d_es_bias"][1], d_o[1]) < 1e-6, "and has a gradient", list(out))
    expect(out["d_q"][0] == [2, 9, 4, 8] and out["d_v"][0] == [2, 13, 2, 8], "gradients", list(out))
    refusal = run(program, "run", "--backend", "STRANGER_ATTN", "--input", source, "--output", target, env=env, code=3)
    expect("es_bias" in refusal, "what a backend does not know is refused by name", refusal)


def check_layers(work, prefix, env):
    """The C++ example of the layers, by find_package(fvattn COMPONENTS torch)."""
    out = work / "build" / "01_local_attention"
    shutil.rmtree(out, ignore_errors=True)
    run("cmake", "-S", EXAMPLES / "01_local_attention", "-B", out, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", out)
    text = run(out / "local_attention", env=env | {"FASTVIDEO_ATTENTION_BACKEND": "SLIDING_WINDOW_ATTN"})
    expect(text.count("SLIDING_WINDOW_ATTN (environment)") == 3 and "|d_q|" in text, "an example of the layers", text)


def use(build_tree, work, with_torch, moved):
    prefix = work / "prefix"
    installed(build_tree, prefix, "runtime", "plugins", "sdk", "dev")
    if moved:
        elsewhere = work / "elsewhere" / "deep" / "fvattn"
        shutil.rmtree(elsewhere, ignore_errors=True)
        elsewhere.parent.mkdir(parents=True, exist_ok=True)
        prefix = prefix.rename(elsewhere)
    program = prefix / "bin" / "fvattn"
    env = {name: value for name, value in os.environ.items() if not name.startswith("FASTVIDEO_ATTENTION_")}
    env["FASTVIDEO_ATTENTION_PLUGIN_PATH"] = str(work / "dropped")
    check_list(program, env)
    check_verb(program, env)
    again = work / "again"
    shutil.rmtree(again, ignore_errors=True)
    run(program, "plugin", "new", "again", again, env=env)
    build_plugin(again, work, prefix)
    if with_torch:
        check_run(program, env, work)
        check_layers(work, prefix, env)
    else:
        print("built without LibTorch: `fvattn run` is not there and was not tried")


if __name__ == "__main__":
    what, build_tree, work = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    if what == "build":
        build(build_tree, work)
    else:
        use(build_tree, work, sys.argv[4] == "ON", what == "moved")
