/* Where a run's files go and what may stand in its record. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig/base/disk.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/naming.h"

#define PART_MAX   40  /* of DUT and plan each */
#define STEM_MAX   102 /* 2 * PART_MAX + 2 + 19 (time) and its end; with "-999" 106 < 128, a record's name */
#define CHOSEN_MAX 100
#define SAME_MAX   999

static bool is_stem_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("._-", c));
}

/* A name that began with '.' would be hidden, and one with '-' taken for an option by whoever opens it. */
static void sanitise(const char *text, char ret[PART_MAX + 1])
{
	unsigned n = 0;

	for (; *text && n < PART_MAX; text++, n++)
		ret[n] = is_stem_char(*text) ? *text : '-';
	ret[n] = '\0';
	if (ret[0] == '.' || ret[0] == '-')
		ret[0] = '_';
}

static void compose(const struct record *record, const char *plan, uint64_t wall_ns, char ret[STEM_MAX])
{
	char dut_part[PART_MAX + 1], plan_part[PART_MAX + 1], stamp[20];
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	sanitise(record->dut, dut_part);
	sanitise(plan, plan_part);
	snprintf(ret, STEM_MAX, "%s-%s-%s", dut_part, plan_part, stamp);
}

int name_default(const struct delivery *delivery, struct record *record, const char *plan, uint64_t wall_ns,
		 struct err *err)
{
	char stem[STEM_MAX];
	int rc = -EEXIST;

	compose(record, plan, wall_ns, stem);
	for (unsigned i = 1; i <= SAME_MAX && rc == -EEXIST; i++) {
		snprintf(record->name, sizeof(record->name), i > 1 ? "%s-%u" : "%s", stem, i);
		rc = delivery_take_name(delivery, record, err);
	}
	return rc;
}

int name_chosen(const struct delivery *delivery, struct record *record, const char *name, struct err *err)
{
	bool good = *name && *name != '.' && *name != '-' && strlen(name) <= CHOSEN_MAX;
	int rc;

	for (const char *c = name; *c; c++)
		good = good && is_stem_char(*c);
	if (!good)
		return err_set(
			err, -EINVAL,
			"--name %s: must be 1 to %d letters, digits, '.', '_' or '-', and not begin with '.' or '-'",
			name, CHOSEN_MAX);
	snprintf(record->name, sizeof(record->name), "%s", name);
	rc = delivery_take_name(delivery, record, err);
	if (rc == -EEXIST)
		return err_set(err, rc, "--name %s: a run of that name is already in %s; choose another name", name,
			       record->folder);
	return rc;
}

int name_folder(const char *folder, struct err *err)
{
	int rc = disk_make_folder(folder, NULL);

	if (rc < 0)
		return err_set(err, rc, "cannot make the output folder %s: %s", folder, strerror(-rc));
	if (access(folder, W_OK | X_OK) < 0)
		return err_set(err, -errno, "cannot write into the output folder %s: %s", folder, strerror(errno));
	return 0;
}

int name_beside(const char *runfile, const char *rest, char *ret, size_t size)
{
	size_t len = strlen(runfile), end = strlen(RUNFILE_EXTENSION);
	bool named = len > end && strcmp(runfile + len - end, RUNFILE_EXTENSION) == 0;
	int n = snprintf(ret, size, "%.*s%s", (int)(named ? len - end : len), runfile, rest);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int record_text(const char *option, const char *value, char *ret, size_t size, struct err *err)
{
	if (!value)
		return 0;
	if (!*value)
		return err_set(err, -EINVAL, "%s: the value is empty", option);
	if (!text_is_clean(value))
		return err_set(err, -EINVAL, "%s: the value must be UTF-8 text without control characters", option);
	if (strlen(value) >= size)
		return err_set(err, -EINVAL, "%s: the value has %zu bytes; %zu are possible", option, strlen(value),
			       size - 1);
	memcpy(ret, value, strlen(value) + 1);
	return 0;
}

int record_attribute(const char *text, struct record *record, struct err *err)
{
	struct record_attr *attr = &record->attr[record->attrs];
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : 0;
	int rc;

	if (!equals || len == 0)
		return err_set(err, -EINVAL, "--attr %s: must be KEY=VALUE", text);
	if (record->attrs == RECORD_ATTRS_MAX)
		return err_set(err, -EINVAL, "--attr is given more than %d times", RECORD_ATTRS_MAX);
	if (len >= sizeof(attr->key))
		return err_set(err, -EINVAL, "--attr %s: the key has %zu characters; %zu are possible", text, len,
			       sizeof(attr->key) - 1);
	for (size_t i = 0; i < len; i++)
		if (!is_stem_char(text[i]))
			return err_set(err, -EINVAL, "--attr %s: a key has only letters, digits, '.', '_' and '-'",
				       text);
	memset(attr->key, 0, sizeof(attr->key));
	memcpy(attr->key, text, len);
	for (unsigned i = 0; i < record->attrs; i++)
		if (strcmp(record->attr[i].key, attr->key) == 0)
			return err_set(err, -EINVAL, "--attr %s: the key is given twice", attr->key);
	rc = record_text("--attr", equals + 1, attr->value, sizeof(attr->value), err);
	if (rc == 0)
		record->attrs++;
	return rc;
}
