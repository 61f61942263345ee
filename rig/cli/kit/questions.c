/* See questions.h. */
#include "rig/cli/kit/questions.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/json.h"

#define KEYS_MAX 64

/* ---- forms ------------------------------------------------------------------------------------------------------- */

/* Numbers with blanks or one comma between, nothing else. Their count; -1: something else stands there. */
static int read_numbers(const char *text, double *ret, int most)
{
	int count = 0;

	for (;;) {
		char *end;
		text += strspn(text, " \t");
		if (!*text)
			return count;
		if (count == most || strspn(text, "+-.0123456789eE") == 0)
			return -1;
		ret[count] = strtod(text, &end);
		if (end == text || !isfinite(ret[count]) || !strchr(" \t,", *end))
			return -1;
		count++;
		text = end + (*end == ',');
	}
}

void answer_numbers(const char *answer, double ret[2])
{
	ret[0] = ret[1] = 0;
	read_numbers(answer, ret, 2);
}

static int check_numbers(const struct question *q, const char *answer, struct err *err)
{
	int wanted = q->kind == ANSWER_PAIR ? 2 : 1;
	double value[2] = {0, 0};

	if (read_numbers(answer, value, 2) != wanted)
		return err_set(err, -EINVAL, "%s: \"%s\" is not %s", q->key, answer,
			       wanted == 2 ? "two numbers, such as \"20 26\"" : "a number");
	if (wanted == 2 && value[0] > value[1])
		return err_set(err, -EINVAL, "%s: write the lower one first", q->key);
	for (int i = 0; i < wanted && (q->lo != 0 || q->hi != 0); i++)
		if (value[i] < q->lo || value[i] > q->hi)
			return err_set(err, -EINVAL, "%s: %g lies outside %g to %g", q->key, value[i], q->lo, q->hi);
	return 0;
}

static int check_form(const struct question *q, const char *answer, struct err *err)
{
	if (!*answer)
		return 0;
	for (const char *c = answer; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			return err_set(err, -EINVAL, "%s: a control character stands in the answer", q->key);
	if (q->kind == ANSWER_DATE && !json_date_valid(answer))
		return err_set(err, -EINVAL, "%s: \"%s\" is no date: write YYYY-MM-DD", q->key, answer);
	return q->kind == ANSWER_NUMBER || q->kind == ANSWER_PAIR ? check_numbers(q, answer, err) : 0;
}

/* ---- where answers come from -------------------------------------------------------------------------------------- */

static const char *given(const struct questions *questions, const char *key)
{
	size_t len = strlen(key);

	for (unsigned i = questions->given->count; i-- > 0;)
		if (strncmp(questions->given->item[i], key, len) == 0 && questions->given->item[i][len] == '=')
			return questions->given->item[i] + len + 1;
	return NULL;
}

bool question_given(const struct questions *questions, const char *key)
{
	return given(questions, key) != NULL;
}

/* -ENODATA at its end, -E2BIG: longer than an answer. Byte by byte: what follows is another's. */
static int read_line(int fd, char ret[ANSWER_MAX])
{
	size_t len = 0;
	ssize_t n;
	char c = '\n';

	while ((n = read(fd, &c, 1)) == 1 && c != '\n')
		if (len < ANSWER_MAX)
			ret[len++] = c;
	if (n != 1 && len == 0)
		return -ENODATA;
	if (len == ANSWER_MAX)
		return -E2BIG;
	while (len > 0 && strchr(" \t\r", ret[len - 1]))
		len--;
	ret[len] = '\0';
	memmove(ret, ret + strspn(ret, " \t"), len + 1 - strspn(ret, " \t"));
	return 0;
}

static void show(const struct questions *questions, const struct question *q)
{
	if (!questions->shown)
		return;
	fputs(q->text, stdout);
	if (q->fallback && *q->fallback) {
		fputs(" [", stdout);
		print_clean(stdout, q->fallback);
		putchar(']');
	} else if (q->fallback) {
		fputs(" [none]", stdout);
	}
	fputs(": ", stdout);
	fflush(stdout);
}

static int missing(const struct question *q, struct err *err)
{
	return err_set(err, -EINVAL, "%s is not answered (%s): give it with --set %s=VALUE", q->key, q->text, q->key);
}

static int ask(const struct questions *questions, const struct question *q, char ret[ANSWER_MAX], struct err *err)
{
	show(questions, q);
	int status = read_line(questions->fd, ret);

	if (status == -ENODATA)
		return err_set(err, -ENODATA, "the answers end at %s (%s)", q->key, q->text);
	if (status)
		return err_set(err, -EINVAL, "%s: an answer has at most %d bytes", q->key, ANSWER_MAX - 1);
	if (!*ret && !q->fallback)
		return missing(q, err);
	if (!*ret)
		snprintf(ret, ANSWER_MAX, "%s", q->fallback);
	return check_form(q, ret, err);
}

int question_ask(const struct questions *questions, const struct question *question, char ret[ANSWER_MAX],
		 struct err *err)
{
	const char *answer = given(questions, question->key);
	int status;

	if (!answer && questions->fd < 0)
		answer = question->fallback;
	if (answer && strlen(answer) >= ANSWER_MAX)
		return err_set(err, -EINVAL, "%s: an answer has at most %d bytes", question->key, ANSWER_MAX - 1);
	if (answer) {
		snprintf(ret, ANSWER_MAX, "%s", answer);
		return *ret || question->fallback ? check_form(question, ret, err) : missing(question, err);
	}
	if (questions->fd < 0)
		return missing(question, err);
	while ((status = ask(questions, question, ret, err)) == -EINVAL && questions->shown)
		printf("  %s\n", err->text);
	return status == -ENODATA ? -EINVAL : status;
}

int questions_check(const struct questions *questions, const struct question *table, const char *const *others,
		    struct err *err)
{
	const char *keys[KEYS_MAX + 1] = {NULL};
	unsigned count = 0;

	for (; table->key && count < KEYS_MAX; table++)
		keys[count++] = table->key;
	for (; *others && count < KEYS_MAX; others++)
		keys[count++] = *others;
	for (unsigned i = 0; i < questions->given->count; i++) {
		const char *item = questions->given->item[i], *equals = strchr(item, '=');
		char key[48];
		unsigned k = 0;
		if (!equals)
			return err_set(err, -EINVAL, "--set wants KEY=VALUE, not \"%s\"", item);
		snprintf(key, sizeof(key), "%.*s", (int)(equals - item), item);
		while (keys[k] && strcmp(keys[k], key) != 0)
			k++;
		const char *near = keys[k] ? NULL : nearest_word(key, keys);
		if (!keys[k])
			return err_set(err, -EINVAL, "there is no question \"%s\"%s%s%s", key,
				       near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	}
	return 0;
}
