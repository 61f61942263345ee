/* The one interface a device driver fills. A driver turns bytes of its link into samples and replies, and verbs into
 * bytes. It does no I/O except through its link, reads no clock (time comes with each call), never prints, blocks or
 * exits. */
#ifndef PENRIG_DRIVER_DRIVER_H
#define PENRIG_DRIVER_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/error.h"
#include "rig/base/samples.h"
#include "rig/driver/command.h"
#include "rig/driver/daq.h"
#include "rig/driver/inputs.h"
#include "rig/driver/role.h"
#include "rig/link/link.h"

#define DRIVER_TICK_NS  (5 * NS_PER_MS)   /* on_tick is called at least this often while the device is open */
#define DRIVER_REPLY_NS (200 * NS_PER_MS) /* a device that has not answered by then is asked once more, then silent */

/* What the device says it is. Empty strings where it says nothing. */
struct device_identity {
	char maker[48], model[48], serial[48], firmware[48];
	char calibration_id[48];
	char calibration_due[11]; /* YYYY-MM-DD */
	char cartridge[48];       /* pens: cartridge id as read from SYST:CART? */
	uint32_t needles;
	uint64_t cartridge_strokes;
	uint32_t protocol_version;
	char profile[64];        /* the file that told the driver what the device speaks; empty: it needs none */
	char profile_sha256[65]; /* of that file, hex */
	char dialect[32];        /* power supplies: what it speaks, by its driver's name for it */
	char dial[160]; /* pens made of parts: the stage that turns the dial: driver, what it says it is, link */
	char loss[48];  /* why a lost sample would not be seen; empty: it would */
};

struct pen_limits {
	double rate_min_hz, rate_max_hz, depth_min_mm, depth_max_mm;
};

/* What the pen says of itself: informative, never judged. NaN where it does not say. */
struct pen_telemetry {
	uint64_t host_ns;
	double rate_hz, motor_c, handle_c, battery_v, current_a;
	uint32_t condition; /* enum pen_condition */
	bool running;
};

/* STATus:QUEStionable:CONDition bits */
enum pen_condition {
	PEN_OVER_TEMPERATURE = 1 << 4,
	PEN_UNDERVOLTAGE = 1 << 0,
	PEN_STALL = 1 << 9,
	PEN_DEADMAN_TRIPPED = 1 << 10,
	PEN_CARTRIDGE_MISSING = 1 << 11,
	PEN_REBOOTED = 1 << 12, /* set by the driver: the pen lost its settings while we held it */
	PEN_RAN_ON = 1 << 13,   /* set by the guard: it said that it is off, and was seen to strike on */
	/* Of a pen made of parts, set by the driver that composes it: */
	PEN_POWER_LOST = 1 << 14,   /* its supply's output went off unasked */
	PEN_POWER_LOW = 1 << 15,    /* its supply does not hold the voltage that was set */
	PEN_TIMER_OFF = 1 << 16,    /* its supply's timer, which is to stop it, is not armed any more */
	PEN_RAN_ITSELF = 1 << 17,   /* set by the driver: it ran when it was opened, and must have stood still */
	PEN_MAY_HAVE_RUN = 1 << 18, /* set by the driver: it must have stood still, and whether it did is not known */
	PEN_DIAL_LOST = 1 << 19,    /* where its dial stands is not known any more; an event alone */
};

/* What a power supply says of the output that feeds the pen. */
struct power_state {
	uint64_t host_ns; /* when the last of it was heard */
	double volts_v,
		current_a; /* at its terminals, as it measures them; what it does not or was not asked for is NaN */
	bool on;
	bool timer_off; /* its timer was asked for, and says that it is not armed; false of one that cannot be asked */
};

/* What a bench says of a stage: how it is to move. */
struct stage_setup {
	char axis;           /* 'X', 'Y' or 'Z' */
	double feed_mm_min;  /* how fast */
	double backlash_mm;  /* each position is approached from so far away; 0: it has no play */
	bool from_above;     /* ... from larger positions, else from smaller ones */
	double tolerance_mm; /* so far it may stand from where it was sent */
};

#define POWER_POINTS_MAX 16

/* What turns the dial of a pen made of parts. */
struct dial_setup {
	const struct driver *driver; /* ROLE_STAGE; NULL: a hand turns it */
	char uri[LINK_NAME_MAX];
	struct link_settings line;
	struct stage_setup stage;
	double zero_mm, mm_per_mm; /* the stage's position at a depth of 0, and its travel per mm of depth */
};

/* A pen made of parts: what gives it its power, and how its rate hangs on that. */
struct power_setup {
	const struct driver *driver; /* of the supply: ROLE_POWER */
	unsigned output;             /* of the supply, from 1 */
	unsigned address;            /* on a bus with several devices; 0: the driver's */
	char dialect[32];            /* what it is known to speak, as its identity said before; empty: not known */
	double current_max_a;        /* what the supply is told to limit the current to */
	bool fed;                    /* the supply's own timer is the pen's dead-man, and is fed */
	struct pen_limits limits;    /* the pen's, as the bench file states them */
	unsigned points; /* 0: no voltage is set (a relay); 1: that one, whatever the rate; else rising in both */
	double volts_v[POWER_POINTS_MAX], rate_hz[POWER_POINTS_MAX];
	struct dial_setup dial;
};

/* What a load sensor says of its own state, with its events. Where one is set, its samples are not to be trusted. */
enum sensor_condition {
	SENSOR_OVERLOADED = 1 << 0, /* it may be damaged: never taken back */
	SENSOR_HOT = 1 << 1,        /* too hot for its calibration */
	SENSOR_FAULTY = 1 << 2,     /* its hardware failed: never taken back */
};

/* What a stage says unasked, with its events. */
enum stage_condition {
	STAGE_UNSURE = 1 << 0, /* where it stands is not known any more: an alarm, or it has started anew */
};

struct device_counters {
	uint64_t frames, crc_errors, resyncs, lost_samples, repeated_requests, odd_replies;
	uint64_t stops; /* pens and power supplies: orders to stop that were written, those of its opening, too */
	struct link_counters link;
};

/* What a device tells its host. Called from the loop, never from inside a verb. Every text is borrowed. */
struct driver_host {
	void *ctx;

	/* Once, after open: identity, channels and (pens) limits are known; or status < 0, and err says why not. */
	void (*ready)(void *ctx, int status, const struct err *err);

	/* Samples of a started stream, in order of index within it. The first may come before start's done(0), when the
	 * device's reply was lost and it is asked again. NULL is fine where the driver has no stream verbs. */
	void (*block)(void *ctx, const struct sample_block *block);

	/* For every telemetry read, and for every heartbeat (then only condition and running are set, others NaN). NULL
	 * is fine where the driver has no pen verbs. */
	void (*telemetry)(void *ctx, const struct pen_telemetry *telemetry);

	/* For every read of a power supply, before its done function. NULL is fine where the driver has no power verbs. */
	void (*power)(void *ctx, const struct power_state *state);

	/* For every reading of a device with safety inputs, the first before ready. NULL is fine where the driver has none. */
	void (*inputs)(void *ctx, const struct inputs_state *state);

	/* Something the record must have. condition: from a pen the bits that appeared; from a sensor all that hold,
	 * each time; 0 for what is no condition (CRC errors, a resynchronisation). */
	void (*event)(void *ctx, uint32_t condition, const char *text);

	/* The link is gone (-ENODEV) or the device has fallen silent (-ETIMEDOUT). Once; nothing follows but close. */
	void (*lost)(void *ctx, int status, const struct err *err);
};

/* How a verb ended. err is NULL with 0.
 * 0           it is done, and the device has said so
 * -ETIMEDOUT  no answer, asked twice; the device is lost
 * -EPROTO     an answer that makes no sense, asked twice
 * -ERANGE     the device refused the value
 * -EREMOTEIO  the value read back is not the value set, or the device does not obey
 * -ECANCELED  stop or close came first, or a standstill of this program (device_open.stood_ns)
 * -ENODEV     lost
 * -ENODATA    it was told, and has no way to say whether it did
 * -ENOBUFS    too many verbs wait */
typedef void (*device_done_fn)(void *ctx, int status, const struct err *err);

struct device { /* every driver's struct starts with this */
	const struct driver *driver;
};

/* Verbs, of every role: they return at once and block for nothing; `done` comes later from the loop, never from inside a
 * verb, exactly once. It may be NULL. Verbs queue in the order in which they are called; a stop jumps the queue: what
 * waited is cancelled, and it is sent even while a reply is awaited. All slots are there but where it says so. */
struct pen_verbs {
	/* 0, or -EAGAIN before ready. Calls nothing back. */
	int (*limits)(const struct device *device, struct pen_limits *ret);

	/* Sets, reads the error queue, reads back, compares: done(0) only when the pen has the value. */
	void (*set_rate)(struct device *device, double rate_hz, device_done_fn done, void *ctx);
	void (*set_depth)(struct device *device, double depth_mm, device_done_fn done, void *ctx);

	/* OUTP ON, then OUTP? says 1. */
	void (*run)(struct device *device, device_done_fn done, void *ctx);

	/* OUTP OFF, then OUTP? says 0. -ENODATA: it was told, and nothing says whether it is off. */
	void (*stop)(struct device *device, device_done_fn done, void *ctx);

	/* Arms the pen's own dead-man timer; read back where the protocol can. */
	void (*deadman)(struct device *device, uint32_t timeout_ms, device_done_fn done, void *ctx);

	/* Feeds it. The reply carries condition and running, delivered through host->telemetry before done. */
	void (*heartbeat)(struct device *device, device_done_fn done, void *ctx);

	/* Reads all that the pen says of itself: host->telemetry, then done. */
	void (*telemetry)(struct device *device, device_done_fn done, void *ctx);

	/* At the end, behind a stop that was confirmed: what was armed for this pen on a device that is the bench's is as it
	 * was found. It is not to be run again. NULL: nothing is left to put back. */
	void (*release)(struct device *device, device_done_fn done, void *ctx);
};

/* What a read of a power supply does besides. */
enum {
	POWER_READ_FEED = 1 << 0,  /* the timer that was armed is fed first */
	POWER_READ_TIMER = 1 << 1, /* it is asked for in the amps' place: power_state.timer_off */
};

/* Of a power supply that feeds a pen. Opening it has switched the output off and read that back. Whenever it is lost with its
 * link open, and when it is closed with an output that has not confirmed a stop since it was last ordered or seen on (one that
 * cannot say: always), it is ordered off blindly. */
struct power_verbs {
	/* How long it may take until a verb is done because another is under way, of one that hears slowly; 0: half a second. */
	uint64_t slow_ns;

	/* Sets the current limit, then the voltage; reads the error queue after each; reads both back and compares them with
	 * what was sent, which is rounded to the supply's steps. NULL: it only switches, as a relay does. */
	void (*set)(struct device *device, double volts_v, double current_a, device_done_fn done, void *ctx);

	/* Output on; and it says so when asked. Where a timer was armed, it must say first that it still is: -EREMOTEIO. */
	void (*on)(struct device *device, device_done_fn done, void *ctx);

	/* A stop: output off; and it says so twice. Of a lost one: ordered all the same, and done(-ENODEV). One that says
	 * nothing of its output: told several times, and done(-ENODATA). */
	void (*off)(struct device *device, device_done_fn done, void *ctx);

	/* Arms the supply's own timer, which switches the output off this long after it was fed last; read back.
	 * -ERANGE: it has none, or not for such a time. NULL: none of its kind has. */
	void (*timer)(struct device *device, uint32_t timeout_ms, device_done_fn done, void *ctx);

	/* The timer is as it was found before it was first armed, and so is its time; read back. One that was found armed for
	 * just what it was armed to again is an earlier run's, and is disarmed. Only with the output confirmed off. NULL:
	 * nothing is left to put back. */
	void (*release)(struct device *device, device_done_fn done, void *ctx);

	/* Asks for the output's state, volts and amps, which feeds no timer: host->power, then done. also: POWER_READ_. */
	void (*read)(struct device *device, unsigned also, device_done_fn done, void *ctx);
};

/* Of every device that delivers channels, whatever they measure. */
struct stream_verbs {
	/* Begins to stream; the sample index of every stream starts at 0. */
	void (*start)(struct device *device, device_done_fn done, void *ctx);

	/* Ends it: no block comes after done(0). */
	void (*stop)(struct device *device, device_done_fn done, void *ctx);
};

/* Of a stage. */
struct stage_verbs {
	/* Goes there, homed first where its position is not known, and says that it is there: at rest, and read back.
	 * -EREMOTEIO: it is jammed, stands elsewhere, or refuses. */
	void (*move)(struct device *device, double position_mm, device_done_fn done, void *ctx);

	/* Whatever moves stops at once; the move under way fails. Calls nothing back. */
	void (*halt)(struct device *device);

	/* Says that it still rests where its last move has left it, or within 0.2 s that it does not, or is silent:
	 * -EREMOTEIO, or an error of a verb. Not while it moves. */
	void (*look)(struct device *device, device_done_fn done, void *ctx);
};

#define DEVICE_SITES_MAX 4

/* What a bench says of a device whose driver knows many makes, by a profile. Borrowed for the call. */
struct device_told {
	uint32_t roles;      /* ROLE_BIT() of each */
	const char *profile; /* name of a shipped one, or of a file */
	const char *text;    /* that file's; NULL: it is a shipped one */
	size_t len;
	char unit[16];                   /* of readings that name none; empty: not said */
	double gravity_m_s2;             /* g where a balance stands: makes newtons of its grams; 0: not said */
	double rate_hz;                  /* readings a second that are wanted; 0: as many as the profile says */
	unsigned sites;                  /* what each value of a reading is of: */
	char site[DEVICE_SITES_MAX][16]; /* "handle", "tip", "ambient" */
};

struct device_open {
	const struct link_ops *const *links; /* which links exist */
	struct loop *loop; /* for the link, and its time; NULL: time comes with ticks and bytes alone */
	const char *uri;
	struct link_settings
		settings; /* what the bench says of a serial port; unset = the driver's; refused for usb: */
	double rate_hz;   /* wanted sample rate; 0 = the device's default */
	int adopted;      /* as in struct link_opening: descriptor of a port that another process has opened; 0: none */
	const struct device_told *told; /* for drivers with profiles; else NULL */
	/* Of a pen: whoever opens it knows that it must stand still. Where it says that it ran, it is stopped
	 * like any other, and the event PEN_RAN_ITSELF follows ready; PEN_MAY_HAVE_RUN, where the first answer was not
	 * read: the question stops the pen, and the answer to the next one tells nothing of before. */
	bool stopped_before;
	bool stopped_unheard; /* and an opening that failed has asked that before */
	/* Of a pen or power supply: whoever opens it may be taken for gone once it stood still for so long, and the device be
	 * switched off behind its back. Then nothing that was asked for before switches it on again: such a verb is done with
	 * -ECANCELED. 0: nobody else is there. */
	uint64_t stood_ns;
	unsigned output;                /* of a power supply, from 1 */
	unsigned address;               /* on a bus with several devices; 0: the driver's own */
	double volts_max_v, amps_max_a; /* of a power supply: the most that it will be set to; 0: not said */
	/* Of a power supply: what it is known to speak. Its output is then ordered off before anything is asked, and again
	 * with each question until it answers. NULL or empty: it must say what it is first. Borrowed. */
	const char *dialect;
	const struct power_setup *power; /* of a pen made of parts; copied. NULL: it is none */
	const struct command_setup
		*command;                /* of a driver that is `described`: what the bench says of it; copied, but for
						its texts, which outlive the device. Else NULL */
	const struct daq_setup *daq;     /* of a driver that is `mapped`: what hangs on its inputs; copied. Else NULL */
	const struct stage_setup *stage; /* of a stage; copied. Else NULL */
	const struct inputs_setup *inputs; /* of a device with safety inputs; copied. Else NULL */
	struct driver_host host;
};

/* A profile that comes with the program. */
struct shipped_profile {
	const char *name;
	const char *text, *dialogue; /* the profile, and what its devices say: for rehearsal; NUL-terminated */
};

/* What is known of a profile without a device. Texts are printable ASCII. */
struct profile_facts {
	char name[32], title[96];
	const char *measures, *sure;       /* "mass"; "document": how sure the least sure fact is */
	double reads_per_s, samples_per_s; /* asked one by one; of its stream, 0: it has none */
	char sha256[65];
};

/* How a dialogue went that was recorded. */
struct rehearsal {
	unsigned cases, failed;
	void *ctx;
	/* Once for each case, in the order of the file; `why` is empty where it went as recorded. Bytes of a device stand in it
	 * escaped. */
	void (*each)(void *ctx, const char *name, unsigned line, const char *why);
};

/* Of a driver that knows many makes: each is a file. */
struct driver_profiles {
	/* The i-th that is shipped, NULL behind the last. */
	const struct shipped_profile *(*shipped)(unsigned i);

	/* Whether the profile reads, and fits what the bench says beside it. 0; -EINVAL (FILE:LINE:COL where it is the file's
	 * fault), -ENOENT (no shipped one of this name), -ENOMEM. facts may be NULL. */
	int (*check)(const struct device_told *told, struct profile_facts *facts, struct err *err);

	/* Plays a dialogue to the driver, on a clock of its own. -EINVAL: dialogue or profile cannot be read; else 0, and
	 * ret->failed says how it went. `file` is the dialogue's name for messages. */
	int (*rehearse)(const struct device_told *told, const char *file, const char *dialogue, size_t len,
			struct rehearsal *ret, struct err *err);

	/* For a device at hand: sets its zero. Never during a run. */
	void (*zero)(struct device *device, device_done_fn done, void *ctx);
};

/* What a driver is: one constant, and one line in drivers/table.c. No slot is optional but the tables of verbs and the
 * profiles. */
struct driver {
	const char *name;        /* in bench files: "scpi-pen", "load-stream" */
	const char *description; /* one line for `penrig list` and `penrig version` */
	uint32_t roles;          /* set of ROLE_BITs: all that its devices can be on a bench */
	struct link_wants wants;

	/* Could a device with this link identity be ours? 0 = no, 1 = by class, 2 = certainly. Reads class and ids,
	 * and where many things share these, what it says of its maker and itself. */
	int (*match)(const struct link_identity *id);

	/* Opens the link and starts identification; host->ready follows within 2 s, on top of the wait after opening.
	 * Copies what it keeps of `open`.
	 * 0 and *ret, -EINVAL (a rate that is no rate), -ENOMEM, or an error of link_open(). */
	int (*open)(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err);

	/* Stops streaming if it can, closes the link (which may take 1 s), frees. Done functions that are still due run
	 * with -ECANCELED before it returns. Never from inside one of the device's own callbacks. NULL is fine. */
	void (*close)(struct device *device);

	/* At least every DRIVER_TICK_NS while the device is open, with the loop's time. */
	void (*on_tick)(struct device *device, uint64_t now_ns);

	/* Valid after ready; lives as long as the device. */
	const struct device_identity *(*identity)(const struct device *device);

	/* Valid after ready; the table lives as long as the device. *ret_count 0: no channels, and NULL may come. */
	const struct channel *(*channels)(const struct device *device, unsigned *ret_count);

	/* Since opening; also after the device was lost. */
	void (*counters)(const struct device *device, struct device_counters *ret);

	/* The link it holds, for the record of a run. The device's. */
	const struct link *(*link)(const struct device *device);

	bool described; /* its samples are described by the bench file's "command": opened with device_open.command */

	bool mapped; /* what its inputs measure stands in the bench file's "daq": opened with device_open.daq */

	bool says_it_ran; /* of a pen: device_open.stopped_before is honoured, by asking before the first order to stop */

	bool powered; /* a pen made of parts: opened with device_open.power, over the link of its supply */

	const struct pen_verbs *pen;       /* ROLE_PEN, else NULL */
	const struct power_verbs *power;   /* ROLE_POWER, else NULL */
	const struct stream_verbs *stream; /* roles that deliver channels, else NULL */
	const struct stage_verbs *stage;   /* ROLE_STAGE, else NULL */
	const struct input_lines *lines;   /* ROLE_IO, else NULL: it has no verbs, and says host->inputs by itself */

	const struct driver_profiles *profiles; /* where files say what its devices speak, else NULL */
};

/* The slot `channels` of a driver whose devices deliver none. */
static inline const struct channel *driver_no_channels(const struct device *device, unsigned *ret_count)
{
	(void)device;
	*ret_count = 0;
	return NULL;
}

static inline bool driver_serves(const struct driver *driver, enum device_role role)
{
	return (driver->roles & ROLE_BIT(role)) != 0;
}

extern const struct driver *const driver_table[]; /* drivers/table.c, NULL-terminated */

#endif
