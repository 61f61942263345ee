/* Accounts and their trail: what each role may, lock-out, and that no line of the past can be changed unseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "rig/station/accounts.h"

static char folder[64], path[128], chief_pin[PIN_KEPT_MAX], meier_pin[PIN_KEPT_MAX];
static struct accounts *accounts;

static int tell(enum account_event event, const char *name, enum account_role role, const char *more)
{
	const struct account_entry entry = {.event = event,
					    .name = name,
					    .by = "R. Chief",
					    .role = role,
					    .badge = event == ACCOUNT_ADD || event == ACCOUNT_BADGE ? more : NULL,
					    .plan = event == ACCOUNT_TRAIN || event == ACCOUNT_UNTRAIN ? more : NULL,
					    .pin = event != ACCOUNT_ADD    ? NULL
						   : role == ROLE_OPERATOR ? meier_pin
									   : chief_pin};
	struct err err = {""};

	return accounts_tell(accounts, &entry, 1000000000, &err);
}

static int group_set_up(void **state)
{
	(void)state;
	return pin_keep("271828", chief_pin, NULL) || pin_keep("3141", meier_pin, NULL);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/accountsXXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/accounts.jsonl", folder);
	assert_int_equal(accounts_open(path, false, &accounts, NULL), -ENOENT);
	assert_int_equal(accounts_open(path, true, &accounts, NULL), 0);
	assert_int_equal(tell(ACCOUNT_ADD, "A. Meier", ROLE_OPERATOR, "OP-0007"),
			 -EINVAL); /* nobody could change anything */
	assert_int_equal(tell(ACCOUNT_ADD, "R. Chief", ROLE_SUPERVISOR, "SV-01"), 0);
	assert_int_equal(tell(ACCOUNT_ADD, "A. Meier", ROLE_OPERATOR, "OP-0007"), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	accounts_close(accounts);
	unlink(path);
	return rmdir(folder);
}

static enum account_answer ask(const char *who, const char *pin)
{
	const struct account *account = NULL;

	return accounts_ask(accounts, who, pin, 1, &account);
}

static void who_it_is(void **state)
{
	(void)state;
	assert_int_equal(ask("A. Meier", "3141"), ACCOUNT_KNOWN);
	assert_int_equal(ask("OP-0007", "3141"), ACCOUNT_KNOWN);
	assert_int_equal(ask("OP-0007", "271828"), ACCOUNT_WRONG); /* somebody else's PIN */
	assert_int_equal(ask("OP-0007", ""), ACCOUNT_WRONG);
	assert_int_equal(ask("", "3141"), ACCOUNT_NOBODY);
	assert_int_equal(ask("B. Nobody", "3141"), ACCOUNT_NOBODY);
	assert_int_equal(pin_keep("123", meier_pin, NULL), -EINVAL);
	assert_false(pin_fits("3141", "3141")); /* not as it is kept */
}

static void wrong_pins_lock(void **state)
{
	(void)state;
	for (int i = 0; i < ACCOUNT_WRONG_MAX - 1; i++)
		assert_int_equal(ask("OP-0007", "0000"), ACCOUNT_WRONG);
	assert_int_equal(tell(ACCOUNT_SIGN_IN, "A. Meier", 0, NULL), 0); /* the right one came: counted anew */
	for (int i = 0; i < ACCOUNT_WRONG_MAX; i++)
		assert_int_equal(ask("OP-0007", "0000"), ACCOUNT_WRONG);
	assert_int_equal(ask("OP-0007", "3141"), ACCOUNT_LOCKED);
	accounts_close(accounts); /* a restart unlocks nothing */
	assert_int_equal(accounts_open(path, false, &accounts, NULL), 0);
	assert_int_equal(ask("A. Meier", "3141"), ACCOUNT_LOCKED);
	assert_int_equal(tell(ACCOUNT_UNLOCK, "A. Meier", 0, NULL), 0);
	assert_int_equal(ask("A. Meier", "3141"), ACCOUNT_KNOWN);
}

static void what_may_be_changed(void **state)
{
	(void)state;
	assert_int_equal(tell(ACCOUNT_ADD, "A. Meier", ROLE_OPERATOR, "OP-0008"), -EINVAL);
	assert_int_equal(tell(ACCOUNT_ADD, "B. Other", ROLE_OPERATOR, "OP-0007"), -EINVAL);
	assert_int_equal(tell(ACCOUNT_BADGE, "R. Chief", 0, "OP-0007"), -EINVAL);
	assert_int_equal(tell(ACCOUNT_ADD, "OP-0007", ROLE_OPERATOR, "OP-0009"),
			 -EINVAL); /* a name that is another's badge */
	assert_int_equal(tell(ACCOUNT_DISABLE, "B. Other", 0, NULL), -EINVAL);
	assert_int_equal(tell(ACCOUNT_DISABLE, "R. Chief", 0, NULL), -EINVAL); /* the last one */
	assert_int_equal(tell(ACCOUNT_ROLE, "R. Chief", ROLE_ENGINEER, NULL), -EINVAL);
	assert_int_equal(tell(ACCOUNT_DISABLE, "A. Meier", 0, NULL), 0);
	assert_int_equal(ask("A. Meier", "3141"), ACCOUNT_DISABLED);
	assert_int_equal(tell(ACCOUNT_ENABLE, "A. Meier", 0, NULL), 0);
	assert_int_equal(ask("A. Meier", "3141"), ACCOUNT_KNOWN);
	assert_int_equal(tell(ACCOUNT_ROLE, "A. Meier", ROLE_SUPERVISOR, NULL), 0);
	assert_int_equal(tell(ACCOUNT_DISABLE, "R. Chief", 0, NULL), 0);
}

static void trained_for_plans(void **state)
{
	(void)state;
	const struct account *meier = accounts_find(accounts, "A. Meier");

	assert_false(account_trained(meier, "pen-s"));
	assert_int_equal(tell(ACCOUNT_TRAIN, "A. Meier", 0, "pen-m"), 0);
	assert_int_equal(tell(ACCOUNT_TRAIN, "A. Meier", 0, "pen-s"), 0);
	assert_true(account_trained(meier, "pen-s"));
	assert_false(account_trained(meier, "pen"));
	assert_int_equal(tell(ACCOUNT_UNTRAIN, "A. Meier", 0, "pen-m"), 0);
	assert_true(account_trained(meier, "pen-s"));
	assert_false(account_trained(meier, "pen-m"));
	assert_true(account_trained(accounts_find(accounts, "SV-01"), "pen-m"));
}

/* ---- the trail ---- */

static size_t slurp(char *ret, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(ret, 1, size - 1, file);
	ret[n] = '\0';
	fclose(file);
	return n;
}

static void spill(const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static int reopened(void)
{
	struct accounts *again = NULL;
	int rc = accounts_open(path, false, &again, NULL);

	accounts_close(again);
	return rc;
}

/* Every byte but those of the last line: a change is seen. A line taken out, two exchanged, one put in. */
static void a_past_that_was_changed(void **state)
{
	static char text[8192], changed[8192];
	size_t len, last;

	(void)state;
	assert_int_equal(tell(ACCOUNT_TRAIN, "A. Meier", 0, "pen-s"), 0);
	len = slurp(text, sizeof(text));
	last = len - 1;
	while (text[last - 1] != '\n')
		last--;
	for (size_t i = 0; i < last; i += 7) {
		memcpy(changed, text, len);
		changed[i] ^= 1;
		spill(changed, len);
		if (reopened() != -EBADMSG)
			fail_msg("byte %zu of the trail can be changed", i);
	}
	size_t first = (size_t)(strchr(text, '\n') + 1 - text);

	spill(text + first, len - first);
	assert_int_equal(reopened(), -EBADMSG);
	memcpy(changed, text, first);
	memcpy(changed + first, text, len);
	spill(changed, len + first);
	assert_int_equal(reopened(), -EBADMSG);
	spill(text, len);
	assert_int_equal(reopened(), 0);
	spill(text, len - 5); /* cut when the power went */
	assert_int_equal(reopened(), 0);
	assert_int_equal(accounts_refresh(accounts, NULL), -EBADMSG); /* who saw the line misses it */
}

static void two_processes(void **state)
{
	struct accounts *other = NULL;
	const struct account_entry entry = {.event = ACCOUNT_DISABLE, .name = "A. Meier", .by = "R. Chief"};

	(void)state;
	assert_int_equal(accounts_open(path, false, &other, NULL), 0);
	assert_int_equal(tell(ACCOUNT_TRAIN, "A. Meier", 0, "pen-s"), 0);
	assert_int_equal(accounts_tell(other, &entry, 1, NULL), 0); /* behind a line that it had not read */
	assert_int_equal(ask("A. Meier", "3141"), ACCOUNT_DISABLED);
	accounts_close(other);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_it_is),         T(wrong_pins_lock),         T(what_may_be_changed),
		T(trained_for_plans), T(a_past_that_was_changed), T(two_processes),
	};

	return cmocka_run_group_tests(tests, group_set_up, NULL);
}
