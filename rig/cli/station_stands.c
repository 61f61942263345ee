/* `penrig station --stands`: what the history and the fleet's server know of a unit. Either may lie where nothing answers: what is known
 * is said line by line, for the station that waits in another process. */
#include "rig/cli/station_stands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/disk.h"
#include "rig/base/text_clean.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/fleet.h"
#include "rig/cli/kit/indexing.h"
#include "rig/fleet/mirror.h"
#include "rig/history/unit.h"
#include "rig/state/state.h"
#include "rig/station/station.h"

#define SECOND_TEXT 19 /* of 2026-11-30T14:03:12 and more */
#define MARK        "history.mark"
#define MARK_PATH   (FILE_PATH_MAX + 64)

/* ---- the history that this station knows ----------------------------------------------------------------------- */

static void mark_path(const struct station_config *config, const char *behind, char ret[MARK_PATH])
{
	snprintf(ret, MARK_PATH, "%s/" MARK "%s", config->state, behind);
}

/* The run that the history had taken in last when it was last asked. -ENOENT: it was never asked. */
static int mark_read(const struct station_config *config, struct history_mark *ret, struct err *err)
{
	char path[MARK_PATH];
	FILE *file;
	int rc = 0;

	*ret = (struct history_mark){.name = ""};
	mark_path(config, "", path);
	file = fopen(path, "re");
	if (!file)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!fgets(ret->name, sizeof(ret->name), file) || !fgets(ret->started, sizeof(ret->started), file))
		rc = err_set(err, -EBADMSG, "%s: it is cut short; remove it where the history is whole", path);
	fclose(file);
	ret->name[strcspn(ret->name, "\n")] = ret->started[strcspn(ret->started, "\n")] = '\0';
	return rc;
}

static int mark_write(const struct station_config *config, const struct history_mark *mark, struct err *err)
{
	char path[MARK_PATH], part[MARK_PATH], behind[24];
	FILE *file;
	int rc;

	mark_path(config, "", path);
	snprintf(behind, sizeof(behind), ".%d", (int)getpid()); /* each bench asks for itself */
	mark_path(config, behind, part);
	file = fopen(part, "we");
	if (!file)
		return err_set(err, -errno, "%s: %s", part, strerror(errno));
	fprintf(file, "%s\n%s\n", mark->name, mark->started);
	rc = fclose(file) != 0 ? -errno : disk_sync_file(part);
	if (!rc && rename(part, path) != 0)
		rc = -errno;
	if (rc)
		remove(part);
	return rc ? err_set(err, rc, "%s: %s", path, strerror(-rc)) : 0;
}

static int check_mark(const struct station_config *config, const struct history_mark *mark, struct history *history,
		      struct err *err)
{
	struct history_mark newest;
	bool there = true;
	int rc = mark->name[0] ? history_has(history, mark, &there, err) : 0;

	if (!rc && !there)
		return err_set(err, -ENOENT,
			       "run %s stood in the history, and does not any more: another history is there, or part "
			       "of it was lost; "
			       "penrig history --rebuild takes run files in again, and without %s/" MARK
			       " the station goes by what is there",
			       mark->name, config->state);
	if (!rc)
		rc = history_newest(history, &newest, err);
	if (!rc && memcmp(&newest, mark, sizeof(newest)) != 0)
		rc = mark_write(config, &newest, err);
	return rc;
}

/* Made where this station asks for the first time; one that it asked before has to be there, and be the same. */
static int open_known(const struct station_config *config, struct history **ret, struct err *err)
{
	const struct indexing where = {.history = config->history[0] ? config->history : NULL};
	struct history_mark mark, none = {.name = ""};
	char path[FILE_PATH_MAX];
	int rc = mark_read(config, &mark, err);

	if (rc == -ENOENT) {
		rc = indexing_open(&where, ret, err);
		if (!rc)
			rc = mark_write(config, &none, err);
	} else if (!rc) {
		rc = history_path(where.history, NULL, STATE_SYSTEM_FOLDER, path, err);
		if (!rc)
			rc = history_open_there(path, ret, err);
	}
	return rc ? rc : check_mark(config, &mark, *ret, err);
}

/* ---- a unit ---------------------------------------------------------------------------------------------------- */

struct asked {
	const char *serial;
	struct history *own; /* runs that stand there too, and no better, are not counted; NULL: all are */
	struct unit unit;
	char failed_at[32]; /* start of its newest run that failed, or that somebody decided about */
	bool conceded;      /* that one */
	bool says;          /* which runs were decided about */
};

static void look_at_failure(struct asked *asked, const struct history_run *run)
{
	if (unit_standing_of(run->verdict, run->later) != UNIT_FAIL && run->disposition == DISPOSITIONS)
		return;
	if (strcmp(run->started, asked->failed_at) < 0)
		return;
	snprintf(asked->failed_at, sizeof(asked->failed_at), "%s", run->started);
	asked->conceded = run->disposition == DISPOSITION_ACCEPT;
}

/* What one run, and what was decided about it, makes of its unit. */
static enum unit_standing standing_of_run(const struct history_run *run)
{
	struct unit unit = {.runs = 0};

	unit_add(&unit, run);
	unit_end(&unit);
	return unit.standing;
}

/* The other copy says worse. One without a decision has not heard of it yet. */
static bool is_worse(const struct history_run *other, const struct history_run *run)
{
	return (other->disposition != DISPOSITIONS || run->disposition == DISPOSITIONS) &&
	       standing_of_run(other) > standing_of_run(run);
}

struct twin {
	const struct history_run *of;
	bool covers;
};

static int look_at_twin(void *ctx, const struct history_run *run)
{
	struct twin *twin = ctx;

	if (strcmp(run->name, twin->of->name) == 0 && strcmp(run->dut, twin->of->dut) == 0 &&
	    strncmp(run->started, twin->of->started, SECOND_TEXT) == 0 && !is_worse(twin->of, run))
		twin->covers = true;
	return 0;
}

/* This bench's own history has it as well, what was decided about it first, and nothing better than the server's copy says. */
static bool is_own(const struct asked *asked, const struct history_run *run)
{
	const struct history_filter filter = {.count = 1, .item = {{.field = BY_DUT, .value = asked->serial}}};
	struct twin twin = {.of = run};

	return asked->own && history_each_run(asked->own, &filter, ORDER_UNIT, look_at_twin, &twin, NULL) == 0 &&
	       twin.covers;
}

/* A filter takes `*` and `?` in a serial number for any letters: only the very unit counts. */
static int on_run(void *ctx, const struct history_run *run)
{
	struct asked *asked = ctx;

	if (strcmp(run->dut, asked->serial) != 0 || is_own(asked, run))
		return 0;
	unit_add(&asked->unit, run);
	look_at_failure(asked, run);
	if (asked->says && run->disposition != DISPOSITIONS) {
		printf("decided ");
		print_clean(stdout, run->name);
		printf("\n");
	}
	return 0;
}

/* What was accepted once says nothing of a later failure that was set aside: that one a new test decides. */
static enum station_standing standing_by(const struct asked *asked)
{
	return asked->unit.standing == UNIT_FAIL                          ? STANDING_FAILED
	       : asked->unit.standing == UNIT_REJECTED                    ? STANDING_REJECTED
	       : asked->unit.standing == UNIT_CONCEDED && asked->conceded ? STANDING_ACCEPTED
									  : STANDING_OPEN;
}

static int each_run(struct history *history, struct asked *asked, struct err *err)
{
	const struct history_filter filter = {.count = 1, .item = {{.field = BY_DUT, .value = asked->serial}}};
	int rc = history_each_run(history, &filter, ORDER_UNIT, on_run, asked, err);

	unit_end(&asked->unit);
	return rc;
}

static void say(const char *who, int rc, const struct asked *asked)
{
	printf("%s %s\n", who, station_standings[rc ? STANDING_UNKNOWN : standing_by(asked)]);
	fflush(stdout);
}

/* ret_own: NULL where it cannot be asked; to be closed. */
static int ask_history(const struct station_config *config, const char *serial, struct history **ret_own,
		       struct err *err)
{
	struct asked asked = {.serial = serial, .says = true};
	int rc = open_known(config, ret_own, err);

	if (!rc)
		rc = each_run(*ret_own, &asked, err);
	say("history", rc, &asked);
	if (rc) {
		history_close(*ret_own);
		*ret_own = NULL;
	}
	return rc;
}

static int ask_fleet(const struct station_config *config, const char *serial, struct history *own, struct err *err)
{
	const struct history_filter filter = {.count = 1, .item = {{.field = BY_DUT, .value = serial}}};
	struct asked asked = {.serial = serial, .own = own};
	struct history *history = NULL;
	struct server *server = NULL;
	int rc = server_new(config->fleet, "penrig station", &server, err);

	if (!rc)
		rc = mirror_fetch(server, &filter, true, &history, err);
	server_free(server);
	if (!rc)
		rc = each_run(history, &asked, err);
	history_close(history);
	say("server", rc, &asked);
	return rc;
}

int station_say_standing(const struct station_config *config, const char *serial)
{
	struct history *own = NULL;
	struct err err = {""};
	int code = EXIT_PASS, rc = ask_history(config, serial, &own, &err);

	if (rc)
		code = cli_error(cli_exit_code(rc), "%s", err.text);
	rc = config->fleet[0] ? ask_fleet(config, serial, own, &err) : 0;
	history_close(own);
	return rc ? cli_error(fleet_exit_code(rc), "%s", err.text) : code;
}
