/* Where a run's files go and what may stand in its record. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/naming.h"

#define PART_MAX   40 /* of DUT and plan each: 2 * 40 + 2 + 16 (time) + 4 ("-999") = 102 < 128 */
#define CHOSEN_MAX 100
#define SAME_MAX   999

static bool is_stem_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("._-", c));
}

static void sanitise(const char *text, char ret[PART_MAX + 1])
{
	unsigned n = 0;

	for (; *text && n < PART_MAX; text++, n++)
		ret[n] = is_stem_char(*text) && !(n == 0 && *text == '.') ? *text : '-';
	ret[n] = '\0';
}

static bool exists(const char *folder, const char *name, const char *extension)
{
	char path[FILE_PATH_MAX + 160];

	snprintf(path, sizeof(path), "%s/%s%s", folder, name, extension);
	return access(path, F_OK) == 0;
}

static bool taken(const char *folder, const char *name, const struct report_writer *const *reports)
{
	if (exists(folder, name, ".penrig"))
		return true;
	for (; *reports; reports++)
		if (exists(folder, name, (*reports)->extension))
			return true;
	return false;
}

void name_default(const char *dut, const char *plan, uint64_t wall_ns, const char *folder,
		  const struct report_writer *const *reports, char ret[128])
{
	char dut_part[PART_MAX + 1], plan_part[PART_MAX + 1], stamp[20];
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	sanitise(dut, dut_part);
	sanitise(plan, plan_part);
	snprintf(ret, 128, "%s-%s-%s", dut_part, plan_part, stamp);
	for (unsigned i = 2; i <= SAME_MAX && taken(folder, ret, reports); i++)
		snprintf(ret, 128, "%s-%s-%s-%u", dut_part, plan_part, stamp, i);
}

int name_check(const char *name, const char *folder, const struct report_writer *const *reports, struct err *err)
{
	bool good = *name && *name != '.' && *name != '-' && strlen(name) <= CHOSEN_MAX;

	for (const char *c = name; *c; c++)
		good = good && is_stem_char(*c);
	if (!good)
		return err_set(
			err, -EINVAL,
			"--name %s: must be 1 to %d letters, digits, '.', '_' or '-', and not begin with '.' or '-'",
			name, CHOSEN_MAX);
	if (taken(folder, name, reports))
		return err_set(err, -EEXIST, "--name %s: a run of that name is already in %s; choose another name",
			       name, folder);
	return 0;
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
