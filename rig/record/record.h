/* The record of one run: everything a report says, in memory. The session fills it, the run file keeps and restores it,
 * report writers read it. It grows with the number of points, never with the length of a run. */
#ifndef PENRIG_RECORD_RECORD_H
#define PENRIG_RECORD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/config/bench.h"
#include "rig/config/plan.h"
#include "rig/config/takt.h"
#include "rig/driver/driver.h"
#include "rig/measure/decision.h"
#include "rig/measure/method.h"
#include "rig/measure/monte_carlo.h"
#include "rig/measure/point/point.h"
#include "rig/measure/risk.h"

#define RECORD_ATTRS_MAX   32
#define RECORD_DEVICES_MAX 8
#define RECORD_FILES_MAX                                                                                               \
	(4 + 2 * (2 + BENCH_PHANTOMS_MAX) +                                                                            \
	 BENCH_DEVICES_MAX) /* plan, bench, phantoms, their approvals; of an import points and a statement; profiles */
#define SHA256_HEX          65
#define RECORD_SESSIONS_MAX 7 /* earlier runs that one run goes on with */

/* What became of the run (the pen's verdict is enum outcome; RUN_* with none: has_verdict false). */
enum run_status {
	RUN_COMPLETE,
	RUN_INTERRUPTED,
	RUN_DEVICE_LOST,
	RUN_STORAGE_FAILED,
	RUN_REFUSED,
	RUN_INTERNAL_ERROR,
};
const char *run_status_name(enum run_status status); /* "complete", "interrupted", ... */

/* Why a run was refused: decides its exit code. REFUSED_DUT: the pen in the clamp is not the one that --dut names. */
enum refusal { REFUSED_NOT, REFUSED_PLAN, REFUSED_BUSY, REFUSED_BENCH, REFUSED_DEVICE, REFUSED_DUT };

struct record_attr {
	char key[48], value[160];
};

struct record_control { /* change control of a file (config/control.h); empty: not said, or not approved */
	char revision[32], effective[11], approver[96], approver_key[17], approved_utc[32];
};

struct record_file {   /* a file as it was when the run began */
	char kind[16]; /* "plan", "bench", "phantom", "points", "statement"; "approval": the .minisig of one */
	char path[FILE_PATH_MAX];
	char sha256[SHA256_HEX];
	struct record_control control; /* of a plan, bench or phantom */
	const char *text;              /* borrowed from its json_doc, or owned by the loaded record */
	size_t len;
};

struct record_device {
	char name[32]; /* in the bench file's list of devices; empty: it has none */
	char role[16]; /* "pen", "load_sensor"; of several the first */
	char driver[32];
	struct device_identity identity;
	struct link_identity link;
	struct calibration calibration; /* sensor: the bench's own */
	unsigned channels;
	struct channel channel[CHANNELS_MAX];
	struct device_counters counters;
	struct pen_limits limits;      /* pen */
	double clock_ppm, clock_u_ppm; /* sensor clock against the host's; NaN = not known */
	bool clock_applied;
};

/* What deciding so does to the whole production: JCGM 106, clause 9, with the u and dof of this result. Accepted is a pass,
 * and a conditional pass where the limit accepts it. */
struct finding_process {
	struct prior prior;
	struct global_risk risk;
	double consumer_risk;   /* that was wanted; NaN: none */
	struct band acceptance; /* that would keep it: -INFINITY, INFINITY where there is no limit; NaN: none wanted */
};

/* A judged or informative result with the limit it met. */
struct finding {
	struct result result;
	bool has_limit;
	struct limit limit;
	struct judgement judgement; /* where has_limit */
	bool has_process;           /* the plan says how it is spread over the production, and it was judged */
	struct finding_process process;
	bool has_opinion; /* of a second look at the uncertainty; not stored */
	struct carlo_outcome opinion;
};

/* Where every stream stood when something was done: what replay needs to see what the run saw. */
enum point_mark { MARK_OPEN, MARK_FIRST_PHASE, MARK_CLOSE = MARK_FIRST_PHASE + POINT_PHASES, POINT_MARKS };
#define MARK_PHASE(phase) (MARK_FIRST_PHASE + (phase))

struct record_place {    /* next sample of each stream of one more device */
	unsigned device; /* in record.device */
	uint64_t index[STREAMS_MAX];
};

struct record_mark {
	uint64_t host_ns;            /* UINT64_MAX: it was never done */
	uint64_t index[STREAMS_MAX]; /* next sample of each of the load sensor's streams */
	uint64_t telemetry;          /* rows of telemetry so far */
	unsigned others;
	struct record_place other[RECORD_DEVICES_MAX - 1];
};

/* What a window was to be measured until, and what it was known to in the end. */
struct record_target {
	char measurand[32];
	double wanted_u, u; /* expanded uncertainties, in its unit; u NaN: there is no value */
	bool reached;
};

struct record_point {
	struct plan_point plan; /* setpoint */
	unsigned session;       /* that measured it: 0, this run; else, from 1, one of record.session */
	unsigned attempt;       /* from 1; every attempt is kept, the last one counts */
	bool counts;            /* the attempt that the verdict uses */
	bool measured;          /* reached its end */
	bool collected;         /* the estimators gave results */
	char unmoved[160]; /* why the pen was not seen to strike throughout the window; empty: it was. Not stored */
	char fault[200];   /* why its results cannot be trusted, as the run saw it; empty: nothing known */
	char rig_cause
		[16]; /* of an inconclusive attempt that the rig lost, not the pen: "timing", "device", "samples"; empty: none */
	struct record_mark mark[POINT_MARKS];
	char reason[200]; /* why not, or why inconclusive */
	uint64_t start_wall_ns;
	uint64_t phase_index[POINT_PHASES]; /* first sample of each phase; UINT64_MAX: never entered */
	double command_index[POINT_PHASES]; /* NaN: none */
	uint64_t end_index;
	double stop_latency_ms; /* order to stop -> command written; NaN: none */
	unsigned targets;       /* 0: the window's time was fixed, or nothing was collected */
	struct record_target target[WINDOW_TARGETS_MAX];
	unsigned inputs;
	struct budget_input input[BUDGET_INPUTS_MAX]; /* what the budgets of its results are made of */
	unsigned checks;
	struct check_result check[MODEL_CHECKS]; /* of the signal, those that were made or had to be */
	unsigned results;
	struct finding result[RESULTS_PER_POINT_MAX + 12]; /* point, temperatures, pen.* */
	enum outcome outcome;                              /* of the required ones */
};

/* A check of the pen itself: dead-man, refusal of a setpoint out of range. */
struct record_test {
	char name[32]; /* "dead_man", "refusal" */
	bool done;
	enum outcome outcome;
	char text[200];
	double value; /* dead-man: seconds from the last heartbeat to the last stroke; NaN: none */
	char unit[8];
	unsigned session; /* as of a point */
};

struct record_sweep {
	unsigned step;
	int phantom;
	double rate_hz;
	unsigned results;
	struct finding result[2];
};

/* A safety input of the bench: an emergency stop, a door. */
#define RECORD_INPUTS_MAX ((BENCH_DEVICES_MAX - 1) * INPUTS_MAX)
struct record_input {
	char name[32];
	unsigned device, number; /* index in record.device, and which of its inputs */
	bool tried;              /* it was opened by hand before the run, and seen to open and to close */
	bool opened;             /* while the run was under way: that ended it */
};

/* What the pen reported or did by itself, unasked: a dead-man trip that a test provoked does not stand here. */
struct record_condition {
	uint32_t condition; /* enum pen_condition */
	uint64_t host_ns;
	char text[120];
	unsigned session; /* as of a point */
};

/* A verdict formed after the run, from its results. name empty: the run's own. */
struct record_judged {
	unsigned number;      /* from 1 */
	char limits_name[64]; /* of the limits file, or "plan" */
	char limits_path[FILE_PATH_MAX];
	char limits_sha256[SHA256_HEX]; /* of that file, or of the plan */
	char approvals[16];             /* whether their approval was demanded: as in struct record */
	struct record_control control;  /* of that file */
	char utc[32];
	char software_version[32], software_build[64];
	unsigned method; /* METHOD_VERSION of the program that judged */
	enum outcome dut_verdict;
	bool on_statement; /* as in struct record */
	char verdict_reason[240];
};

/* Who vouches for what stands in the run file up to an entry of its journal, and what for: the file's "seal" items
 * (docs/records.md). */
#define SEAL_MARKS_MAX 32
enum seal_state { SEAL_UNCHECKED, SEAL_HOLDS, SEAL_BROKEN }; /* unchecked: nobody vouches for the key here */
struct seal_mark {
	uint64_t entry; /* of the journal */
	char head[SHA256_HEX];
};
struct record_seal {
	unsigned number;  /* from 1 */
	bool bench;       /* the bench's own, made without a person */
	char signer[96];  /* printed name of the person, or the bench's */
	char meaning[32]; /* "measured", "approved", ... */
	char utc[32];
	char run[128], dut[64], verdict[32];
	unsigned judged; /* which verdict was the newest: 0, that of the run */
	char report_sha256[SHA256_HEX];
	uint64_t entries; /* of the journal that it covers, and the chain's head behind them */
	char head[SHA256_HEX];
	unsigned marks; /* heads on the way: where the chain was altered */
	struct seal_mark mark[SEAL_MARKS_MAX];
	char software_version[32], software_build[64];
	/* found as it is read: */
	enum seal_state state;
	char key_id[17];
	char why[240]; /* why it does not hold, or could not be checked */
};

/* Rows that a recording should have and has not, or has without a value. */
struct record_gaps {
	uint64_t count, rows, longest; /* gaps, rows in them, and in the longest */
	uint64_t first_line;           /* of the first row behind the first gap; 0: the file ends with it */
};

/* Where the samples of an imported recording came from; path empty: penrig took them itself. */
struct record_origin {
	char path[FILE_PATH_MAX];
	char sha256[SHA256_HEX];
	char format[16];
	double rate_hz, scale_n, offset_n;
	/* empty in files of earlier versions */
	char dialect[160];                  /* how the file is written, where its format leaves a choice */
	char column[112], time_column[192]; /* number, name, unit; what the times are */
	char rate_from[128];
	char beside[480];     /* the columns beside the force, and what they are */
	char times_from[200]; /* what says when the points were measured */
	bool times_found;     /* nobody does: found in the recording itself */
	char witness[96];     /* who vouches for what penrig did not see; their statement is a file of the record */
	char unchecked[200];  /* a check that the bench makes live and the recording does not allow; empty: none */
	struct record_gaps gaps;
	bool has_gaps; /* they were looked for */
};

/* What shows that the bench's own dead-man, a timer between the pen and its power, stops the pen. */
struct record_proof {
	bool wanted; /* a pass needs it; not in files of earlier versions, nor of pens that stop themselves */
	char run[128], utc[32]; /* the earlier run whose test passed, and when that began; "": there is none */
	char why[200];          /* why there is none; "": not said */
};

/* Which pen it was, where it cannot tell: what the operator read from it. */
struct record_identity {
	bool wanted;                  /* it stands on the operator's word */
	char before[128], after[128]; /* "": not asked yet; longer than any dut, so that what is cut is another pen's */
};

/* An earlier run that was interrupted and that this one goes on with; what it measured stands in this record as well. */
struct record_session {
	char name[128];
	char started_utc[32], ended_utc[32];
	uint64_t started_host_ns; /* by that run's own clock */
	char operator_name[96];
	char override[480];
	enum run_status run_status;
	char status_reason[ERR_TEXT_MAX];
	bool moved, stop_verified; /* as in struct record */
	char stop_text[400];
	struct record_proof proof; /* as in struct record: what stood behind its pen while that run was under way */
	struct record_identity dut_said; /* as in struct record */
	uint64_t entries; /* of its journal, and the chain's head behind them, when this run took it over */
	char head[SHA256_HEX];
};

/* On which pass of the bench's reference pen it stands. */
struct record_golden {
	bool asked;    /* the bench has such a pen, and this is another one */
	bool valid;    /* and it had a valid pass when the run began: */
	char pen[64];  /* its serial number */
	char run[128]; /* name of its run; "": it has none */
	char started_utc[32];
	char head[SHA256_HEX]; /* of that run's journal */
	char text[320];        /* for people: until when it holds, or why there is none */
};

struct record {
	char name[128]; /* file stem: everything of this run is NAME.something */
	char folder[FILE_PATH_MAX];
	char software_version[32], software_build[64];
	unsigned
		method; /* by which its results stand: METHOD_VERSION, or what the file says of the program that judged it */
	char started_utc[32], ended_utc[32]; /* ISO 8601 with milliseconds, Z */
	uint64_t started_host_ns, ended_host_ns;
	char host[64], host_kernel[96];
	bool host_clock_synchronised;
	double host_clock_error_s, host_clock_frequency_ppm; /* adjtimex; NaN unknown */
	char operator_name[96], lot[64], cartridge[64], dut[64];
	unsigned attrs;
	struct record_attr attr[RECORD_ATTRS_MAX];
	char plan_name[64], plan_description[256], bench_name[64], bench_site[96], thermal_basis[160];
	bool judge_nominal_rate, judge_displacement;
	char approvals[16]; /* enum approval_demand by its name: what the approvers in `file` are worth */
	/* What was overridden, and why; empty: nothing. operator_name says by whom. */
	char override[480];
	unsigned files;
	struct record_file file[RECORD_FILES_MAX];
	char phantom_serial[BENCH_PHANTOMS_MAX][48];
	unsigned step_count;
	char (*step_name)[64];
	unsigned devices;
	struct record_device device[RECORD_DEVICES_MAX];
	unsigned points, points_planned;
	struct record_point *point; /* grows; every attempt */
	unsigned sweeps;
	struct record_sweep *sweep;
	unsigned tests;
	struct record_test test[2 * (RECORD_SESSIONS_MAX + 1)];
	unsigned sessions; /* earlier ones, in their order; 0: this run went on with none */
	struct record_session session[RECORD_SESSIONS_MAX];
	unsigned inputs;
	struct record_input input[RECORD_INPUTS_MAX];
	unsigned conditions;
	struct record_condition condition[16];
	bool has_verdict;
	enum outcome dut_verdict;
	char verdict_reason[240]; /* the measurand that decided, and by how much */
	enum run_status run_status;
	enum refusal refusal;
	char status_reason[ERR_TEXT_MAX];
	char dead_man[8];             /* class of what stops the pen: config/power.h; "": not said */
	char depth_by[8], rate_by[8]; /* how they come about: bench_depth_by(), bench_rate_by(); "": not said */
	struct record_identity dut_said;
	struct record_proof proof;
	struct record_golden golden;
	char bench_found[400]; /* in which state, where an earlier run did not come to its end; empty: in order */
	bool moved;            /* the pen was commanded to run at least once */
	bool stop_verified;    /* the last stop was seen in the load signal; meaningful where moved */
	char stop_text[400];
	bool safety_stop; /* a safety input was open, or nothing was known of it, or the pen was switched on behind a stop: not stored with the record */
	int signal_number;       /* that interrupted it; 0 none */
	bool accept_conditional; /* the plan accepts every conditional_pass that occurred */
	/* All that was measured would pass, and what penrig did not see is the word of a witness. dut_verdict is
	 * OUTCOME_INCONCLUSIVE then: whoever does not know of statements takes it for none. */
	bool on_statement, accept_statement; /* and the plan accepts that */
	bool has_takt;                       /* a supervised run tells it */
	struct takt takt;
	uint64_t samples_lost; /* that the run file could not take: what they showed cannot be derived again */
	struct record_origin origin;
	struct record_judged judged; /* of a report that judges anew; not stored with the record */
	unsigned seals;              /* read with the file, not stored with the record */
	struct record_seal *seal;
	char journal_head[SHA256_HEX];              /* before the report's own entry */
	bool owns_texts;                            /* file[].text were malloc'd for this record */
	unsigned point_room, sweep_room, seal_room; /* allocated */
};

struct record *record_new(void);         /* NULL: no memory */
void record_free(struct record *record); /* NULL is fine; frees owned texts of a loaded record */
/* Names and texts of what the run was given; the texts stay borrowed from plan and bench. -ENOMEM. */
int record_inputs(struct record *record, const struct plan *plan, const struct bench *bench);
/* The bench file's entry of a device of the record, by its name, or where it has none by its role. NULL: there is none. */
const struct bench_device *record_bench_device(const struct record_device *device, const struct bench *bench);
/* One more file, whose text stays borrowed. */
void record_keep_file(struct record *record, const char *kind, const char *path, const char *text, size_t len);
/* What a file says of its revision, and who approved it where that counts. */
struct approval;
void record_control(struct record_control *ret, const struct approval *approval);
/* The first file of this kind, NULL: there is none. */
const struct record_file *record_file_of(const struct record *record, const char *kind);
/* Zeroed, phases not entered; NULL: no memory. Adding one moves the others: keep the index, not the pointer. */
struct record_point *record_add_point(struct record *record);
struct record_sweep *record_add_sweep(struct record *record);
struct record_seal *record_add_seal(struct record *record);

/* Of a record whose seals were read: the newest one that rejects it, or takes a signature back; NULL where a key that is trusted here
 * accepted it since. Anybody's counts, since what was rejected must not be gone on with. */
const struct record_seal *record_rejected(const struct record *record);

#endif
