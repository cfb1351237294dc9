"""Each sample from an opened pull request to its end."""

from tests.e2e.world import Platform, Preview, sample

LISTENER = """
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 5, ReuseAddr => 1) or die "no port: $!";
while (my $peer = $server->accept) {
  while (my $line = <$peer>) { last if $line =~ /^\\r?$/ }
  print $peer "HTTP/1.1 200 OK\\r\\nContent-Length: 22\\r\\nConnection: close\\r\\n\\r\\nsomebody listens here\\n";
  close $peer;
}
"""
"""The generic shell has perl and neither Python nor netcat."""


def starts_to_listen(preview: Preview) -> None:
    """What a person or an agent does in a generic shell."""
    preview.runs(f"cat > /tmp/listen.pl <<'END'\n{LISTENER}\nEND")
    preview.runs("setsid perl /tmp/listen.pl >/tmp/listen.log 2>&1 </dev/null &")


def test_dockerfile_is_built_and_a_push_shows_its_own_content(platform: Platform) -> None:
    preview = platform.opened(sample("dockerfile"))
    first = preview.becomes("Ready")
    assert [step["name"] for step in first["steps"]] == ["source", "build", "deploy", "ready"]
    preview.answers("hello from the dockerfile sample")
    preview.says("Ready", first["url"], preview.head[:7])
    assert preview.has_status("success", "Ready")["target_url"] == first["url"]

    preview.pushed({"index.html": "a second greeting\n"})
    second = preview.becomes("Ready")
    preview.answers_only("a second greeting")
    assert second["rollout"] > first["rollout"]
    assert second["deployed_commit"] == preview.head
    preview.says(preview.head[:7])

    assert preview.machine.images_of(preview.namespace), "a built image lies in the environment's own repository"
    preview.closed()
    preview.is_gone()
    preview.says("Torn down", "Closed.")
    preview.has_status("success", "Torn down")
    assert preview.report()["phase"] == "Deleted"


def test_prebuilt_is_deployed_without_a_build(platform: Platform) -> None:
    preview = platform.opened(sample("prebuilt"))
    report = preview.becomes("Ready")
    assert "build" not in [step["name"] for step in report["steps"]]
    preview.answers("nginx")
    preview.closed()
    preview.is_gone()


def test_node_needs_no_configuration(platform: Platform) -> None:
    preview = platform.opened(sample("node"))
    preview.becomes("Ready")
    preview.answers("hello from the node sample")
    assert preview.machine.volumes_of(preview.namespace), "installed packages are kept on a volume"
    assert "added 1 package" in preview.log("install")
    pods = preview.pod_names()

    server = sample("node")["server.js"].replace("hello from", "a push to")
    preview.pushed({"server.js": server})
    preview.becomes("Ready")
    preview.answers_only("a push to the node sample")
    assert preview.pod_names() == pods, "a push replaces no pod"

    preview.runs("echo '// changed inside' >> /code/server.js")
    preview.pushed({"server.js": server.replace("a push to", "another push to")})
    preview.becomes("Ready")
    preview.answers_only("another push to the node sample")
    preview.says("Changes made inside the environment", "`server.js`", "refs/catalyst/kept/")
    assert "changed inside" in preview.runs(
        "git -C /code show $(git for-each-ref --format='%(refname)' refs/catalyst/kept):server.js"
    )

    preview.closed()
    preview.is_gone()


def test_broken_dev_command_keeps_its_shell_and_recovers_in_place(platform: Platform) -> None:
    preview = platform.opened(sample("broken-dev-command"))
    report = preview.becomes("Degraded")
    assert report["reason"] == "CommandFailed"
    preview.says("Degraded", "exit code 1", "Cannot find module", "isn't installed")
    pods = preview.pod_names()
    assert "server.js" in preview.runs("ls"), "the shell stays"

    preview.asked("override", command="node server.js")
    preview.becomes("Ready")
    preview.answers_only("hello from the mended command")
    assert preview.pod_names() == pods, "nothing is recreated"

    preview.runs("pkill -x node")
    preview.becomes("Degraded")
    preview.asked("retry")
    preview.becomes("Ready")
    assert preview.pod_names() == pods
    preview.closed()
    preview.is_gone()


def test_broken_build_tells_its_cause_and_a_fixing_push_recovers(platform: Platform) -> None:
    preview = platform.opened(sample("broken-build"))
    report = preview.becomes("Failed")
    assert report["reason"] == "BuildFailed"
    assert report["url"] is None
    comment = preview.says("Failed", "error: the setting GREETING is missing")
    assert "sh /build.sh" in comment, f"the comment names the step that failed:\n{comment}"
    preview.has_status("failure", "Failed")

    preview.pushed({"build.sh": "mkdir /www && echo repaired > /www/index.html\n"})
    preview.becomes("Ready")
    preview.answers_only("repaired")
    assert "GREETING" not in preview.says("Ready"), "what was repaired is no longer told"
    preview.has_status("success", "Ready")
    preview.closed()
    preview.is_gone()


def test_unrecognised_is_a_shell_that_gets_its_url_once_something_listens(platform: Platform) -> None:
    preview = platform.opened(sample("unrecognised"))
    report = preview.becomes("Ready")
    assert report["url"] is None
    preview.says("Ready", "plain shell", ".catalyst.yaml", "the URL appears here as soon as something does")

    assert "notes.txt" in preview.runs("ls"), "the shell stands in the repository's files"
    starts_to_listen(preview)
    preview.answers("somebody listens here")
    url = preview.until(lambda: preview.report().get("url"), 90, "the report has a URL")
    preview.says(url)
    preview.closed()
    preview.is_gone()
