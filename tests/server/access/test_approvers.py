"""Who may say yes to a call."""

import pytest

from remit.server.access import DeniedError, Principal, Role, approver


def person(name: str, role: Role = "operator") -> Principal:
    return Principal(name=name, tenant="acme", role=role, how="token")


def test_one_person_is_enough_unless_policy_says_two() -> None:
    assert approver(person("ann")) == 0
    assert approver(person("ann"), persons=2) == 1
    assert approver(person("bob"), persons=2, approved_by=["ann"]) == 0


def test_nobody_approves_twice() -> None:
    with pytest.raises(DeniedError, match="somebody else must too"):
        approver(person("ann"), persons=2, approved_by=["ann"])


def test_a_name_counts_once() -> None:
    assert approver(person("bob"), persons=3, approved_by=["ann", "ann"]) == 1


def test_nobody_approves_what_they_asked_for() -> None:
    with pytest.raises(DeniedError, match="asked for themselves"):
        approver(person("ann", "admin"), asked_by=["ann", "bob"])
    assert approver(person("ann", "admin"), asked_by=["ann"], own=True) == 0
    assert approver(person("cid"), asked_by=["ann", "bob"]) == 0


@pytest.mark.parametrize("role", ["viewer", "developer"])
def test_who_may_not_decide_approves_nothing(role: Role) -> None:
    with pytest.raises(DeniedError, match="may not decide"):
        approver(person("ann", role), own=True)


def test_on_their_own_machine_people_approve_what_they_asked_for_but_are_one_person() -> None:
    local = Principal(name="local", tenant="default", role="admin", how="local")
    assert approver(local, asked_by=["local"]) == 0
    with pytest.raises(DeniedError):
        approver(local, asked_by=["local"], approved_by=["local"], persons=2)


@pytest.mark.parametrize("name", ["Ann", " ann ", "ANN"])
def test_a_name_is_no_other_person_by_how_it_is_written(name: str) -> None:
    with pytest.raises(DeniedError, match="asked for themselves"):
        approver(person(name), asked_by=["ann"])
    with pytest.raises(DeniedError, match="somebody else must too"):
        approver(person(name), persons=2, approved_by=["ann"])
