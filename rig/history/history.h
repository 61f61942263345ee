/* The bench's history: every run that ended here or was taken in from its run file, in one SQLite file that several
 * processes and users share (docs/history.md says what is in it). It holds nothing that no run file holds, so it can be
 * made again from them, row for row. Everything here may block for as long as another process writes (KEPT_BUSY_MS). */
#ifndef PENRIG_HISTORY_HISTORY_H
#define PENRIG_HISTORY_HISTORY_H

#include "rig/base/disk.h"
#include "rig/record/disposition.h"
#include "rig/record/record.h"

#define HISTORY_APPLICATION_ID 0x50524849 /* "PRHI" */
#define HISTORY_FILTERS_MAX    48

struct history;

/* Where it is kept: `wanted` if it is not NULL, else the file "history" in the folder of what outlives a run, as
 * state_folder() finds it. */
int history_path(const char *wanted, const char *state, const char *system, char ret[FILE_PATH_MAX], struct err *err);
/* Made where there is none. Errors: kept_db_open(). */
int history_open(const char *path, struct history **ret, struct err *err);
/* One that is there already, to be asked: nothing is made. -ENOENT where it is not. */
int history_open_there(const char *path, struct history **ret, struct err *err);
/* One in memory that holds nothing. */
int history_none(struct history **ret, struct err *err);
void history_close(struct history *history); /* NULL is fine */

/* ---- telling ------------------------------------------------------------------------------------------------------- */

struct history_entry {
	const struct record *record; /* ended, or restored from its file */
	const char *path;            /* of the run file, absolute */
	unsigned dispositions;
	const struct disposition *disposition; /* in the order in which they were decided */
	unsigned judged;                       /* verdicts that were formed later */
	const struct record_judged *worst;     /* of them; NULL: none */
};
/* Takes a run in, in one transaction. The same run again (its name, start, computer, the head of its journal and its verdict)
 * takes the place of what stood there; a file that only shares its name, start and computer gets a row of its own. -EEXIST: it
 * is a copy from before a decision or verdict that the history has, which stays. Durable when it returns 0. */
int history_put(struct history *history, const struct history_entry *entry, struct err *err);

/* SHA-256 over bench file, phantoms and profiles as this record has them: what its figures stand on. */
void history_setup(const struct record *record, char ret[SHA256_HEX]);

/* ---- asking -------------------------------------------------------------------------------------------------------- */

enum history_field { /* by what runs are chosen */
		     BY_DUT,
		     BY_LOT,
		     BY_PLAN,
		     BY_BENCH,
		     BY_OPERATOR,
		     BY_VERDICT,
		     BY_STATUS,
		     BY_DEVICE,      /* serial number of any device or phantom of its bench */
		     BY_CERTIFICATE, /* of a calibration of any of them */
		     BY_SENSOR, /* its serial number, exactly, or of its certificates one: also where a phantom was calibrated
				 * with it */
		     BY_ATTRIBUTE, /* "KEY=VALUE" */
		     BY_SINCE,     /* started then or later: a UTC date or time, YYYY-MM-DD[THH:MM:SS] */
		     BY_UNTIL,     /* started then or before, that whole day or second */
		     BY_NAME
};
/* `*` stands for any letters, `?` for any one. Several values of one field: any of them; of several fields: all. But
 * attributes: all of them. */
struct history_filter {
	unsigned count;
	struct {
		enum history_field field;
		const char *value;
	} item[HISTORY_FILTERS_MAX];
};

struct history_run { /* texts are borrowed and live until the callback returns */
	int64_t id;
	const char *name, *host, *started, *ended, *path, *dut, *lot, *plan, *plan_sha256, *bench, *operator_name;
	const char *verdict, *status, *reason, *software, *origin;
	const char *head;              /* of its journal's chain */
	const char *setup;             /* history_setup() */
	unsigned method_version;       /* by which it was judged */
	const char *later, *later_why; /* the worst verdict that was formed after the run, empty: none */
	const char *recording;         /* digest of an imported one; "": penrig measured */
	bool again; /* the same recording of the same unit is another run of the history, with a verdict that is worse, or as bad
		     * and there before: it counts once. No failure is hidden by it. */
	int exit_code;
	unsigned sessions; /* earlier runs that this one went on with */
	/* The last disposition of this run; kind DISPOSITIONS: none. */
	enum disposition_kind disposition;
	const char *disposed_by, *disposed_why, *disposed_utc;
};
enum history_order {
	ORDER_TIME,
	ORDER_UNIT /* by DUT, then plan, then time; and every run of a unit of which one is chosen: no filter hides a failure */
};
/* fn returns 0 to go on; anything else ends the walk and is returned. */
int history_each_run(struct history *history, const struct history_filter *filter, enum history_order order,
		     int (*fn)(void *ctx, const struct history_run *run), void *ctx, struct err *err);

struct history_mark { /* a run by which a history is known again */
	char name[256], started[32];
};
/* Of the run that was taken in last; name "" where there is none. */
int history_newest(struct history *history, struct history_mark *ret, struct err *err);
/* Whether that run is there. */
int history_has(struct history *history, const struct history_mark *mark, bool *ret, struct err *err);

struct history_device { /* of one run; a phantom of its bench has the role "phantom" */
	int64_t run_id;
	const char *run, *started, *role, *model, *serial, *firmware, *certificate, *due;
};
/* Devices and phantoms of the runs that are chosen, in order of time. */
int history_each_device(struct history *history, const struct history_filter *filter,
			int (*fn)(void *ctx, const struct history_device *device), void *ctx, struct err *err);

struct history_result { /* of one measurand at one setpoint of one run */
	int64_t run_id;
	const char *measurand;
	const char *run, *dut, *lot, *started, *method, *unit, *outcome;
	const char *phantom;
	const char *bench;
	const char *recording;   /* as in struct history_run */
	unsigned method_version; /* that derived it */
	bool failed_later;       /* its run, by a verdict that was formed later */
	bool sweep;              /* over a sweep: depth_mm is NaN */
	double depth_mm, rate_hz;
	double value, u, expanded_u; /* value NaN: a limit was for it, and it could not be judged */
	double lower, upper;         /* NaN: none */
	int64_t n;
};
/* Values that could be trusted, and what a limit was for but could not be judged, of attempts that count, in order of time and
 * point. judged: only those that a limit was for. measurand, method NULL: any; method "" of a result: nothing was measured, so by no method. */
int history_each_result(struct history *history, const struct history_filter *filter, const char *measurand,
			const char *method, bool judged, int (*fn)(void *ctx, const struct history_result *result),
			void *ctx, struct err *err);

#endif
