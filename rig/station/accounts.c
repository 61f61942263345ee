/* The trail of accounts: read line by line into what is known, appended to under a lock. */
#include "rig/station/accounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "rig/base/disk.h"
#include "rig/base/json.h"
#include "rig/base/loop.h"

#define LINE_ROOM 2048

const char *const account_roles[] = {"operator", "engineer", "supervisor", NULL};
const char *const account_events[] = {
	[ACCOUNT_ADD] = "add",         [ACCOUNT_PIN] = "pin",           [ACCOUNT_BADGE] = "badge",
	[ACCOUNT_ROLE] = "role",       [ACCOUNT_TRAIN] = "train",       [ACCOUNT_UNTRAIN] = "untrain",
	[ACCOUNT_DISABLE] = "disable", [ACCOUNT_ENABLE] = "enable",     [ACCOUNT_UNLOCK] = "unlock",
	[ACCOUNT_SIGN_IN] = "sign_in", [ACCOUNT_SIGN_OUT] = "sign_out", [ACCOUNT_WRONG_PIN] = "wrong_pin",
	[ACCOUNT_DECIDE] = "decide",   [ACCOUNT_EVENTS] = NULL,
};

struct accounts {
	int fd;
	char path[FILE_PATH_MAX];
	off_t read; /* what of the file is known */
	unsigned lines, count;
	char head[DIGEST_HEX];
	struct account account[ACCOUNTS_MAX];
};

struct line {
	int64_t n;
	int event, role;
	char utc[32], name[ACCOUNT_TEXT], by[ACCOUNT_TEXT], badge[ACCOUNT_TEXT], pin[PIN_KEPT_MAX], plan[ACCOUNT_TEXT],
		text[2 * ACCOUNT_TEXT], reason[ACCOUNT_REASON], before[DIGEST_HEX];
};

#define AT(member) .offset = offsetof(struct line, member), .size = sizeof(((struct line *)NULL)->member)
static const struct json_field fields[] = {
	{.key = "n", .kind = FIELD_INT, AT(n), .required = true, .lo = 1, .hi = 1e9},
	{.key = "utc", .kind = FIELD_STRING, AT(utc), .required = true, .lo = 1},
	{.key = "event", .kind = FIELD_WORD, AT(event), .required = true, .words = account_events},
	{.key = "name", .kind = FIELD_STRING, AT(name), .required = true, .lo = 1},
	{.key = "by", .kind = FIELD_STRING, AT(by), .required = true},
	{.key = "badge", .kind = FIELD_STRING, AT(badge)},
	{.key = "role", .kind = FIELD_WORD, AT(role), .words = account_roles},
	{.key = "pin", .kind = FIELD_STRING, AT(pin)},
	{.key = "plan", .kind = FIELD_STRING, AT(plan)},
	{.key = "text", .kind = FIELD_STRING, AT(text)},
	{.key = "reason", .kind = FIELD_STRING, AT(reason)},
	{.key = "before", .kind = FIELD_STRING, AT(before), .required = true, .lo = 1},
	{.key = NULL},
};

/* ---- what follows from a line ---------------------------------------------------------------------------------- */

static struct account *find(struct accounts *a, const char *who, bool by_name_alone)
{
	for (unsigned i = 0; i < a->count && *who; i++)
		if (strcmp(a->account[i].name, who) == 0 ||
		    (!by_name_alone && a->account[i].badge[0] && strcmp(a->account[i].badge, who) == 0))
			return &a->account[i];
	return NULL;
}

static unsigned supervisors(const struct accounts *a)
{
	unsigned count = 0;

	for (unsigned i = 0; i < a->count; i++)
		count += a->account[i].role == ROLE_SUPERVISOR && !a->account[i].disabled;
	return count;
}

static unsigned plan_at(const struct account *account, const char *plan)
{
	unsigned i = 0;

	while (i < account->plans && strcmp(account->plan[i], plan) != 0)
		i++;
	return i;
}

/* NULL: it may be; else why not. */
static const char *check_line(struct accounts *a, const struct line *l)
{
	struct account *own = find(a, l->name, true);
	bool last = own && own->role == ROLE_SUPERVISOR && !own->disabled && supervisors(a) == 1;

	if (l->event == ACCOUNT_ADD && (find(a, l->name, false) || find(a, l->badge, false)))
		return "somebody has this name or badge";
	if (l->event == ACCOUNT_ADD && a->count == ACCOUNTS_MAX)
		return "there are as many accounts as there may be (256)";
	if (l->event == ACCOUNT_ADD && a->count == 0 && l->role != ROLE_SUPERVISOR)
		return "the first account is a supervisor's";
	if (l->event != ACCOUNT_ADD && !own)
		return "nobody has this name";
	if (l->event == ACCOUNT_BADGE && find(a, l->badge, false) && find(a, l->badge, false) != own)
		return "somebody has this badge";
	if ((l->event == ACCOUNT_ADD || l->event == ACCOUNT_PIN) && !l->pin[0])
		return "a PIN is missing";
	if (l->event == ACCOUNT_TRAIN && !l->plan[0])
		return "a plan is missing";
	if (l->event == ACCOUNT_TRAIN && own->plans == ACCOUNT_PLANS_MAX && plan_at(own, l->plan) == own->plans)
		return "an account has at most 32 plans";
	if (last && (l->event == ACCOUNT_DISABLE || (l->event == ACCOUNT_ROLE && l->role != ROLE_SUPERVISOR)))
		return "it is the last supervisor's: nobody could change accounts any more";
	return NULL;
}

static void add_account(struct accounts *a, const struct line *l)
{
	struct account *own = &a->account[a->count++];

	*own = (struct account){.role = (enum account_role)l->role};
	snprintf(own->name, sizeof(own->name), "%s", l->name);
	snprintf(own->badge, sizeof(own->badge), "%s", l->badge);
	snprintf(own->pin, sizeof(own->pin), "%s", l->pin);
}

static void train(struct account *own, const char *plan, bool trained)
{
	unsigned i = plan_at(own, plan);

	if (trained && i == own->plans)
		snprintf(own->plan[own->plans++], ACCOUNT_TEXT, "%s", plan);
	if (!trained && i < own->plans)
		memmove(own->plan[i], own->plan[own->plans - 1], ACCOUNT_TEXT), own->plans--;
}

static void apply(struct accounts *a, const struct line *l)
{
	struct account *own = l->event == ACCOUNT_ADD ? NULL : find(a, l->name, true);

	switch (l->event) {
	case ACCOUNT_ADD: add_account(a, l); break;
	case ACCOUNT_PIN: snprintf(own->pin, sizeof(own->pin), "%s", l->pin); break;
	case ACCOUNT_BADGE: snprintf(own->badge, sizeof(own->badge), "%s", l->badge); break;
	case ACCOUNT_ROLE: own->role = (enum account_role)l->role; break;
	case ACCOUNT_TRAIN:
	case ACCOUNT_UNTRAIN: train(own, l->plan, l->event == ACCOUNT_TRAIN); break;
	case ACCOUNT_DISABLE:
	case ACCOUNT_ENABLE: own->disabled = l->event == ACCOUNT_DISABLE; break;
	case ACCOUNT_WRONG_PIN: own->wrong++; break;
	case ACCOUNT_UNLOCK:
	case ACCOUNT_SIGN_IN:
	case ACCOUNT_DECIDE: own->wrong = 0; break;
	default: break;
	}
}

/* ---- the file -------------------------------------------------------------------------------------------------- */

static int take_line(struct accounts *a, const char *text, size_t len, struct err *err)
{
	struct line line = {.role = ROLE_OPERATOR};
	struct json_doc *doc;
	char where[FILE_PATH_MAX + 32];
	const char *why;
	int rc;

	snprintf(where, sizeof(where), "%s (line %u)", a->path, a->lines + 1);
	if (json_parse(where, text, len, &doc, err) < 0)
		return -EBADMSG;
	rc = json_read_object(doc, json_root(doc), fields, &line, err);
	json_doc_free(doc);
	if (rc < 0)
		return -EBADMSG;
	if (line.n != (int64_t)a->lines + 1 || strcmp(line.before, a->head) != 0)
		return err_set(
			err, -EBADMSG,
			"%s: the chain is broken here: this line, or one before it, was changed, taken out or put in",
			where);
	why = check_line(a, &line);
	if (why)
		return err_set(err, -EBADMSG, "%s: %s", where, why);
	apply(a, &line);
	a->lines++;
	digest_text(text, len - 1, a->head); /* without its end */
	a->read += (off_t)len;
	return 0;
}

/* The lock is held. A last line without its end was cut when the power went: nobody was told of it. */
static int take_in(struct accounts *a, struct err *err)
{
	char text[LINE_ROOM];
	ssize_t n;

	while ((n = pread(a->fd, text, sizeof(text), a->read)) > 0) {
		const char *end = memchr(text, '\n', (size_t)n);
		int rc;

		if (!end && (size_t)n == sizeof(text))
			return err_set(err, -EBADMSG, "%s (line %u): too long", a->path, a->lines + 1);
		if (!end)
			return ftruncate(a->fd, a->read) == 0
				       ? 0
				       : err_set(err, -errno, "%s: %s", a->path, strerror(errno));
		rc = take_line(a, text, (size_t)(end + 1 - text), err);
		if (rc < 0)
			return rc;
	}
	return n < 0 ? err_set(err, -errno, "%s: %s", a->path, strerror(errno)) : 0;
}

int accounts_refresh(struct accounts *a, struct err *err)
{
	off_t end = lseek(a->fd, 0, SEEK_END);
	int rc;

	if (end == a->read)
		return 0;
	if (end < a->read)
		return err_set(err, -EBADMSG, "%s: lines at its end are gone", a->path);
	if (flock(a->fd, LOCK_EX) != 0)
		return err_set(err, -errno, "%s: %s", a->path, strerror(errno));
	rc = take_in(a, err);
	flock(a->fd, LOCK_UN);
	return rc;
}

int accounts_open(const char *path, bool make, struct accounts **ret, struct err *err)
{
	struct accounts *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return err_set(err, -ENOMEM, "out of memory");
	snprintf(a->path, sizeof(a->path), "%s", path);
	memset(a->head, '0', DIGEST_HEX - 1);
	a->fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
	rc = a->fd < 0 ? err_set(err, -errno, "%s: %s", path, strerror(errno)) : accounts_refresh(a, err);
	if (rc < 0) {
		accounts_close(a);
		return rc;
	}
	*ret = a;
	return 0;
}

void accounts_close(struct accounts *a)
{
	if (!a)
		return;
	if (a->fd >= 0)
		close(a->fd);
	explicit_bzero(a, sizeof(*a));
	free(a);
}

/* ---- telling --------------------------------------------------------------------------------------------------- */

static void put(struct json_out *out, const char *key, const char *text)
{
	if (text && *text)
		json_out_string(out, key, text);
}

static int print_line(const struct accounts *a, const struct account_entry *e, uint64_t wall_ns, char **ret,
		      struct err *err)
{
	struct json_out *out = json_out_object();
	time_t now = (time_t)(wall_ns / NS_PER_S);
	char utc[32];
	struct tm tm;
	int rc;

	strftime(utc, sizeof(utc), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	json_out_int(out, "n", a->lines + 1);
	json_out_string(out, "utc", utc);
	json_out_string(out, "event", account_events[e->event]);
	json_out_string(out, "name", e->name);
	json_out_string(out, "by", e->by ? e->by : "");
	put(out, "badge", e->badge);
	if (e->event == ACCOUNT_ADD || e->event == ACCOUNT_ROLE)
		json_out_string(out, "role", account_roles[e->role]);
	put(out, "pin", e->pin);
	put(out, "plan", e->plan);
	put(out, "text", e->text);
	put(out, "reason", e->reason);
	json_out_string(out, "before", a->head);
	rc = json_out_print(out, false, ret, err);
	json_out_free(out);
	return rc;
}

static int line_of(const struct accounts *a, const char *text, struct line *ret, struct err *err)
{
	struct json_doc *doc;
	int rc = json_parse(a->path, text, strlen(text), &doc, err);

	if (rc < 0)
		return rc;
	rc = json_read_object(doc, json_root(doc), fields, ret, err);
	json_doc_free(doc);
	return rc;
}

/* The whole line or nothing of it. */
static int append(struct accounts *a, const char *text, struct err *err)
{
	char line[LINE_ROOM];
	int n = snprintf(line, sizeof(line), "%s\n", text);
	ssize_t done = (size_t)n < sizeof(line) ? write(a->fd, line, (size_t)n) : -1;
	int code = done == n && fdatasync(a->fd) == 0 ? 0 : done >= 0 && done != n ? ENOSPC : errno;

	if (!code)
		return take_line(a, line, (size_t)n, err);
	if (ftruncate(a->fd, a->read) != 0)
		code = errno;
	return err_set(err, -code, "%s: %s", a->path, strerror(code));
}

static int tell_locked(struct accounts *a, const struct account_entry *entry, uint64_t wall_ns, struct err *err)
{
	struct line line = {.role = ROLE_OPERATOR};
	char *text = NULL;
	const char *why;
	int rc = take_in(a, err);

	if (rc == 0)
		rc = print_line(a, entry, wall_ns, &text, err);
	if (rc == 0)
		rc = line_of(a, text, &line, err);
	if (rc == 0 && (why = check_line(a, &line)))
		rc = err_set(err, -EINVAL, "%s: %s", entry->name, why);
	if (rc == 0)
		rc = append(a, text, err);
	free(text);
	return rc;
}

int accounts_tell(struct accounts *a, const struct account_entry *entry, uint64_t wall_ns, struct err *err)
{
	int rc;

	if (flock(a->fd, LOCK_EX) != 0)
		return err_set(err, -errno, "%s: %s", a->path, strerror(errno));
	rc = tell_locked(a, entry, wall_ns, err);
	flock(a->fd, LOCK_UN);
	return rc;
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

unsigned accounts_count(const struct accounts *a)
{
	return a->count;
}

const struct account *accounts_at(const struct accounts *a, unsigned i)
{
	return &a->account[i];
}

const struct account *accounts_find(const struct accounts *a, const char *who)
{
	return find((struct accounts *)(uintptr_t)a, who, false);
}

void accounts_head(const struct accounts *a, char ret[DIGEST_HEX])
{
	memcpy(ret, a->head, DIGEST_HEX);
}

bool account_locked(const struct account *account)
{
	return account->wrong >= ACCOUNT_WRONG_MAX;
}

bool account_trained(const struct account *account, const char *plan)
{
	return account->role != ROLE_OPERATOR || plan_at(account, plan) < account->plans;
}

/* Of no account; its PIN is not known to anybody. */
static const char *nobodys_pin(void)
{
	static char kept[PIN_KEPT_MAX];

	if (!kept[0])
		(void)pin_keep("nobody's", kept, NULL);
	return kept;
}

enum account_answer accounts_ask(struct accounts *a, const char *who, const char *pin, uint64_t wall_ns,
				 const struct account **ret)
{
	struct account_entry wrong = {.event = ACCOUNT_WRONG_PIN, .by = "station"};
	const struct account *own;

	if (accounts_refresh(a, NULL) < 0)
		return ACCOUNT_UNTOLD;
	own = find(a, who, false);
	if (!own) {
		(void)pin_fits(nobodys_pin(), pin);
		return ACCOUNT_NOBODY;
	}
	if (own->disabled)
		return ACCOUNT_DISABLED;
	if (account_locked(own))
		return ACCOUNT_LOCKED;
	if (pin_fits(own->pin, pin)) {
		*ret = own;
		return ACCOUNT_KNOWN;
	}
	wrong.name = own->name;
	return accounts_tell(a, &wrong, wall_ns, NULL) < 0 ? ACCOUNT_UNTOLD : ACCOUNT_WRONG;
}

const char *account_answer_name(enum account_answer answer)
{
	static const char *const names[] = {
		[ACCOUNT_KNOWN] = "",
		[ACCOUNT_NOBODY] = "account_wrong", /* who has an account is nobody's business */
		[ACCOUNT_WRONG] = "account_wrong",
		[ACCOUNT_LOCKED] = "account_locked",
		[ACCOUNT_DISABLED] = "account_disabled",
		[ACCOUNT_UNTOLD] = "account_untold",
	};

	return names[answer];
}
