"""install.py -- puts each client where its agent finds it, by its own package manager, from its manifest.

Everything goes below one folder (a part of the build's); a stamp with the manifest's digest says what is there.
"""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent.parent


class Missing(Exception):
    """The client cannot be had here: it is skipped, by name and with this reason."""


class Broken(Exception):
    """Our own part of it does not build: a failure."""


def need(command, *packages):
    """The path of a command; the Debian packages are asked for if there is none and we are root."""
    if shutil.which(command) is None:
        debian(*packages)
    found = shutil.which(command)
    if found is None:
        raise Missing(f"no {command} (Debian: {' '.join(packages)})")
    return found


def debian(*packages):
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", *words], env=environment, capture_output=True, check=False)


def run(*command, cwd=None, problem=Missing):
    done = subprocess.run(command, cwd=cwd, text=True, capture_output=True)
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-6:]
        raise problem(f"{' '.join(map(str, command[:3]))} failed: {' | '.join(last)}")
    return done.stdout


failures = {}  # What could not be made is not tried twice in a run.


def once(target, manifests, make):
    """Makes target anew unless it was made from these very files."""
    if target in failures:
        raise failures[target]
    digest = hashlib.sha256(b"".join(f.read_bytes() for f in manifests)).hexdigest()
    stamp = target / "made-from"
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        try:
            make(target)
        except (Missing, Broken) as reason:
            failures[target] = reason
            raise
        stamp.write_text(digest)
    return target


def kcat(folder):
    need("kcat", "kcat")
    return ["python3", str(HERE / "kcat" / "agent.py")]


def python(client):
    """A client from PyPI, in an environment of its own."""
    def install(folder):
        manifest = HERE / client / "requirements.txt"

        def make(target):
            try:
                run("python3", "-c", "import ensurepip, venv")
            except Missing:
                debian("python3-venv", "ca-certificates")
            run("python3", "-m", "venv", str(target / "venv"))
            run(str(target / "venv/bin/pip"), "install", "-q", "--only-binary", ":all:",
                "-r", str(manifest))

        home = once(folder / client, [manifest], make)
        return [str(home / "venv/bin/python"), str(HERE / client / "agent.py")]
    return install


def franz(folder):
    sources = sorted((HERE / "franz").glob("*.go")) + [HERE / "franz/go.mod", HERE / "franz/go.sum"]

    def make(target):
        go = need("go", "golang-go", "ca-certificates")
        version = re.search(r"go1\.(\d+)", run(go, "version"))
        if version is None or int(version[1]) < 19:
            raise Missing("go is older than 1.19")
        run(go, "mod", "download", cwd=HERE / "franz")
        run(go, "build", "-mod=readonly", "-o", str(target / "agent"), ".", cwd=HERE / "franz",
            problem=Broken)

    return [str(once(folder / "franz", sources, make) / "agent")]


def jvm(*more):
    return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256M", *more,
            f"-Dlog4j2.configurationFile={HERE / 'java/log4j2.properties'}"]


def jars(folder):
    """What pom.xml names."""
    pom = HERE / "java/pom.xml"
    need("java", "openjdk-17-jre-headless")

    def fetch(target):
        mvn = need("mvn", "maven", "ca-certificates")
        run(mvn, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies",
            "-DincludeScope=runtime", f"-DoutputDirectory={target}")

    return once(folder / "jars", [pom], fetch)


def java_tools(folder):
    """A command line that takes a tool's class, and the archive that has Java start in half the time, once made."""
    home = jars(folder)
    return [*jvm(f"-XX:SharedArchiveFile={home / 'tools.jsa'}"), "-cp", f"{home}/*"], home / "tools.jsa"


def java(folder):
    """Our classes, compiled against the jars."""
    pom = HERE / "java/pom.xml"
    sources = sorted((HERE / "java").glob("*.java"))
    need("javac", "openjdk-17-jdk-headless")
    home = jars(folder)

    def compile_all(target):
        run("javac", "-Xlint:all,-classfile,-processing", "-Werror", "-d", str(target),
            "-cp", f"{home}/*", *map(str, sources), problem=Broken)

    classes = once(folder / "classes", [pom, *sources], compile_all)
    return [*jvm(), "-cp", f"{classes}:{home}/*"]


def kafkajs(folder):
    manifest = HERE / "kafkajs/package.json"

    def make(target):
        npm, _ = need("npm", "npm", "ca-certificates"), need("node", "nodejs")
        shutil.copy(manifest, target / "package.json")
        run(npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts",
            "--fetch-retries=1", "--fetch-retry-maxtimeout=5000",
            cwd=target)

    home = once(folder / "kafkajs", [manifest], make)
    return ["env", f"NODE_PATH={home / 'node_modules'}", "node", str(HERE / "kafkajs/agent.js")]
