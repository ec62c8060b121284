import re

from safeconduct.demo import plot

ADDRESS = re.compile(r"[\w.-]+@[\w.-]+")


def test_two_plots_share_no_secret() -> None:
    first, second = plot.draw(), plot.draw()
    accounts = {customer.account for customer in first.customers}
    assert len(accounts) == len(first.customers)
    assert accounts.isdisjoint(customer.account for customer in second.customers)
    assert first.contract != second.contract


def test_every_address_is_on_a_name_reserved_for_examples() -> None:
    texts = [plot.INJECTED_MAIL, plot.USER, plot.ATTACKER]
    texts += [customer.email for customer in plot.draw().customers]
    addresses = [address for text in texts for address in ADDRESS.findall(text)]
    assert len(addresses) > len(plot.draw().customers)
    assert all(address.endswith(".example") for address in addresses)


def test_the_mail_names_no_secret_of_the_plot() -> None:
    drawn = plot.draw()
    secrets = [drawn.contract, *(customer.account for customer in drawn.customers)]
    assert not any(secret in plot.INJECTED_MAIL for secret in secrets)
