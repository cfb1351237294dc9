"""PyGithub, unmodified, against the emulator."""

import pytest
from github import Auth, GithubException, UnknownObjectException
from github.Repository import Repository

from emulators.github import GitHubServer, People
from tests.emulators.github.conftest import pygithub


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
def test_a_repository_is_found_by_name_and_by_id_with_and_without_the_prefix(server: GitHubServer, prefix: str) -> None:
    with pygithub(server, Auth.Token(server.people.token("ada")), server.url + prefix) as github:
        by_name = github.get_repo("acme/shop")
        assert github.get_repo(by_name.id).full_name == "acme/shop"
        assert [branch.name for branch in by_name.get_branches()] == ["change", "main"]
        assert github.get_user().login == "ada"
        assert by_name.url == f"{server.url}{prefix}/repos/acme/shop"


def test_a_pull_request_from_opening_to_merge(shop: Repository, people: People) -> None:
    pull = shop.create_pull(base="main", head="change", title="A change", body="why")
    sha = people.push("acme", "shop", "change", {"page.html": "newer\n"})
    pull = shop.get_pull(pull.number)
    assert (pull.head.sha, pull.user.login, pull.commits, pull.mergeable) == (sha, "ada", 2, True)
    assert [(file.filename, file.status, file.additions) for file in pull.get_files()] == [("page.html", "added", 1)]
    assert pull.merge().merged
    assert (shop.get_pull(pull.number).state, shop.get_pull(pull.number).merged) == ("closed", True)
    assert shop.get_contents("page.html").decoded_content == b"newer\n"  # type: ignore[union-attr]


def test_a_pull_request_is_closed_and_opened_again(shop: Repository, people: People) -> None:
    number = people.open_pull_request("acme", "shop", "change", by="bob")
    shop.get_pull(number).edit(state="closed")
    assert [pull.number for pull in shop.get_pulls(state="open")] == []
    sha = people.push("acme", "shop", "change", {"page.html": "newer\n"})
    assert shop.get_pull(number).head.sha != sha, "a closed one stays where it was"
    shop.get_pull(number).edit(state="open")
    assert [(pull.number, pull.head.sha) for pull in shop.get_pulls()] == [(number, sha)]


def test_a_pull_request_of_a_fork_names_the_forks_id(shop: Repository, people: People) -> None:
    fork_id = people.fork("acme", "shop", by="eve")
    people.push("eve", "shop", "change", {"page.html": "eve's\n"}, by="eve")
    pull = shop.get_pull(people.open_pull_request("acme", "shop", "eve:change", by="eve"))
    assert (pull.head.repo.id, pull.head.label, pull.base.repo.id) == (fork_id, "eve:change", shop.id)
    people.delete_repository("eve", "shop")
    assert shop.get_pull(pull.number).raw_data["head"]["repo"] is None
    assert shop.get_pull(pull.number).state == "open"


def test_a_pull_request_closes_when_its_branch_is_deleted(shop: Repository, people: People) -> None:
    number = people.open_pull_request("acme", "shop", "change")
    people.delete_branch("acme", "shop", "change")
    assert shop.get_pull(number).state == "closed"
    with pytest.raises(GithubException, match="branch has been deleted"):
        shop.get_pull(number).edit(state="open")


def test_a_draft_is_not_merged(shop: Repository, people: People) -> None:
    number = people.open_pull_request("acme", "shop", "change", draft=True)
    with pytest.raises(GithubException, match="still a draft") as refused:
        shop.get_pull(number).merge()
    assert refused.value.status == 405
    people.set_draft("acme", "shop", number, draft=False)
    assert shop.get_pull(number).merge().merged


def test_what_is_pushed_to_the_base_is_merged(shop: Repository, people: People) -> None:
    number = people.open_pull_request("acme", "shop", "change")
    people.force_push("acme", "shop", "main", people.pull("acme", "shop", number).head_sha, by="ada")
    pull = shop.get_pull(number)
    assert (pull.state, pull.merged, pull.merged_by.login) == ("closed", True, "ada")


def test_a_pull_request_with_nothing_left_is_closed(shop: Repository, people: People) -> None:
    number = people.open_pull_request("acme", "shop", "change")
    people.force_push("acme", "shop", "change", people.repository("acme", "shop").refs["refs/heads/main"])
    assert (shop.get_pull(number).state, shop.get_pull(number).merged) == ("closed", False)


def test_a_conflict_cannot_be_merged(shop: Repository, people: People) -> None:
    number = people.open_pull_request("acme", "shop", "change")
    people.push("acme", "shop", "main", {"page.html": "other\n"})
    pull = shop.get_pull(number)
    assert (pull.mergeable, pull.mergeable_state) == (False, "dirty")
    with pytest.raises(GithubException, match="not mergeable"):
        pull.merge()


def test_another_head_than_was_looked_at_is_not_merged(shop: Repository, people: People) -> None:
    pull = shop.get_pull(people.open_pull_request("acme", "shop", "change"))
    people.push("acme", "shop", "change", {"page.html": "newer\n"})
    with pytest.raises(GithubException, match="Head branch was modified") as refused:
        pull.merge(sha=pull.head.sha)
    assert refused.value.status == 409


def test_lists_of_pull_requests_are_filtered_and_sorted(shop: Repository, people: People) -> None:
    people.push("acme", "shop", "release", {"x": "x"})
    people.push("acme", "shop", "other", {"y": "y"})
    first = people.open_pull_request("acme", "shop", "change")
    second = people.open_pull_request("acme", "shop", "other", base="release")
    people.edit_pull_request("acme", "shop", first, base="release")
    people.close("acme", "shop", second)

    def numbers(**asked: str) -> list[int]:
        return [pull.number for pull in shop.get_pulls(**asked)]

    assert numbers() == [first] and numbers(state="all") == [second, first] and numbers(state="closed") == [second]
    assert numbers(state="all", direction="asc") == [first, second]
    assert numbers(head="acme:change") == [first] and numbers(head="eve:change") == []
    assert numbers(base="main") == [] and numbers(base="release") == [first]


def test_what_cannot_be_opened_is_refused_in_githubs_words(shop: Repository, people: People) -> None:
    people.open_pull_request("acme", "shop", "change")
    with pytest.raises(GithubException, match="A pull request already exists for acme:change") as second:
        shop.create_pull(base="main", head="change", title="again")
    assert second.value.status == 422
    with pytest.raises(GithubException, match="No commits between main and main"):
        shop.create_pull(base="main", head="main", title="nothing")
    with pytest.raises(GithubException, match="invalid"):
        shop.create_pull(base="main", head="missing", title="nothing")


def test_comments_are_made_edited_and_deleted(shop: Repository, people: People) -> None:
    number = people.open_pull_request("acme", "shop", "change")
    people.comment("acme", "shop", number, "hello", by="bob")
    made = shop.get_pull(number).create_issue_comment("first")
    made.edit("second")
    told = [(each.user.login, each.body) for each in shop.get_pull(number).get_issue_comments()]
    assert told == [("bob", "hello"), ("ada", "second")]
    shop.get_pull(number).get_issue_comment(made.id).delete()
    assert [each["body"] for each in people.comments("acme", "shop", number)] == ["hello"]
    with pytest.raises(UnknownObjectException):
        made.edit("third")


def test_a_comment_has_no_more_than_65536_characters(shop: Repository, people: People) -> None:
    pull = shop.get_pull(people.open_pull_request("acme", "shop", "change"))
    assert len(pull.create_issue_comment("x" * 65536).body) == 65536
    with pytest.raises(GithubException, match="too long"):
        pull.create_issue_comment("x" * 65537)


def test_the_newest_status_of_each_context_counts(shop: Repository, people: People) -> None:
    commit = shop.get_commit("change")
    for state, context in (("pending", "a"), ("success", "a"), ("success", "b")):
        commit.create_status(state, target_url="https://example.org", description="so", context=context)
    assert (commit.get_combined_status().state, commit.get_combined_status().total_count) == ("success", 2)
    assert [(each.context, each.state) for each in commit.get_statuses()] == [
        ("b", "success"),
        ("a", "success"),
        ("a", "pending"),
    ]
    commit.create_status("error", context="b")
    assert commit.get_combined_status().state == "failure"


@pytest.mark.parametrize(
    "sha, fields, said",
    [
        ("change", {"state": "success", "description": "x" * 141}, "description is too long"),
        ("change", {"state": "done"}, "state is not included in the list"),
        ("0" * 40, {"state": "success"}, "No commit found for SHA"),
    ],
)
def test_a_status_that_github_would_refuse(shop: Repository, sha: str, fields: dict[str, str], said: str) -> None:
    at = shop.get_commit(sha).sha if sha == "change" else sha
    with pytest.raises(GithubException, match=said) as refused:
        shop.requester.requestJsonAndCheck("POST", f"{shop.url}/statuses/{at}", input=fields)
    assert refused.value.status == 422


def test_files_and_folders_at_any_ref(shop: Repository, people: People) -> None:
    people.push("acme", "shop", "change", {"docs/a b.md": "ä\n", "docs/deep/c": ""})
    sha = shop.get_branch("change").commit.sha
    told = shop.get_contents("docs/a b.md", ref=sha)
    assert not isinstance(told, list) and (told.decoded_content, told.encoding) == ("ä\n".encode(), "base64")
    folder = shop.get_contents("docs", ref="change")
    assert isinstance(folder, list) and [(each.path, each.type) for each in folder] == [
        ("docs/a b.md", "file"),
        ("docs/deep", "dir"),
    ]
    for path, ref in (("docs", "main"), ("../docs", "change"), ("README.md", "nowhere")):
        with pytest.raises(GithubException) as refused:
            shop.get_contents(path, ref=ref)
        assert refused.value.status == 404


def test_a_file_is_written_by_who_knows_what_it_was(shop: Repository) -> None:
    made = shop.create_file("new.txt", "new file", "one", branch="change")
    told = shop.get_contents("new.txt", ref="change")
    assert not isinstance(told, list) and told.decoded_content == b"one"
    shop.update_file("new.txt", "other", "two", told.sha, branch="change")
    with pytest.raises(GithubException, match="does not match"):
        shop.update_file("new.txt", "other", "three", told.sha, branch="change")
    assert shop.get_commit("change").parents[0].sha == made["commit"].sha


def test_an_old_name_leads_to_the_repository_until_another_takes_it(
    shop: Repository, server: GitHubServer, people: People
) -> None:
    people.rename_repository("acme", "shop", "store")
    with pygithub(server, Auth.Token(people.token("ada"))) as github:
        assert github.get_repo("acme/shop").full_name == "acme/store"
        people.transfer_repository("acme", "store", "ada")
        assert github.get_repo("acme/store").full_name == "ada/store"
        assert github.get_repo(shop.id).owner.login == "ada"
        other = people.create_repository("acme", "shop")
        assert github.get_repo("acme/shop").id == other != shop.id
        people.delete_repository("ada", "store")
        for gone in (shop.id, "acme/store", "ada/store"):
            with pytest.raises(UnknownObjectException):
                github.get_repo(gone)


def test_what_people_may_is_told_of_each(shop: Repository, people: People) -> None:
    people.organization("acme", members=("mia",))
    people.add_collaborator("acme", "shop", "bob", "maintain")
    people.user("eve")
    told = {login: shop.get_collaborator_permission(login) for login in ("ada", "mia", "bob", "eve")}
    assert told == {"ada": "admin", "mia": "read", "bob": "write", "eve": "read"}
    assert shop.get_collaborator_role_name("bob") == "maintain"


def test_who_may_not_see_a_private_repository_finds_none(server: GitHubServer, people: People) -> None:
    repository_id = people.create_repository("acme", "secret", private=True)
    people.rename_repository("acme", "secret", "hidden")
    with pygithub(server, Auth.Token(people.token("eve"))) as eve, pygithub(server, None) as nobody:
        for github in (eve, nobody):
            for name in (repository_id, "acme/hidden", "acme/secret"):
                with pytest.raises(UnknownObjectException):
                    github.get_repo(name)


def test_who_may_only_read_writes_no_status_and_closes_no_pull_request_of_others(
    server: GitHubServer, people: People
) -> None:
    number = people.open_pull_request("acme", "shop", "change")
    with pygithub(server, Auth.Token(people.token("eve"))) as eve:
        shop = eve.get_repo("acme/shop")
        with pytest.raises(UnknownObjectException):
            shop.get_commit("change").create_status("success")
        with pytest.raises(GithubException, match="403"):
            shop.get_pull(number).edit(state="closed")
        with pytest.raises(GithubException, match="admin rights"):
            shop.delete()
