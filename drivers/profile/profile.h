/* A profile: a text protocol as data. One JSON file says how lines end, what to send for each verb, and how to read what
 * comes back; docs/profiles.md explains each key. Reading a file here checks form and meaning, so that whatever was read
 * can be used without another look. Pure: no link, no clock.
 *
 * What a profile must never be able to do: let a number pass whose unit nobody said, take half a line for a whole one (every
 * expression holds a whole line, from ^ to $), or send a command that does harm when it is sent twice (silence is answered
 * by asking again). */
#ifndef PENRIG_DRIVERS_PROFILE_PROFILE_H
#define PENRIG_DRIVERS_PROFILE_PROFILE_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/json.h"
#include "rig/link/link.h"

#define PROFILE_KIND              "penrig/profile/1"

#define PROFILE_NAME_MAX          32
#define PROFILE_BYTES_MAX         64  /* bytes that a verb sends, its end included; of a frame's start or end: 4 */
#define PROFILE_MARK_MAX          4   /* bytes of a frame's start, end, and of those that are skipped */
#define PROFILE_FRAME_MAX         255 /* bytes of a line without its end */
#define PROFILE_PATTERN_MAX       200 /* bytes of an expression */
#define PROFILE_ALTERNATIVES_MAX  12
#define PROFILE_LINES_MAX         3  /* lines of one reply */
#define PROFILE_GROUPS_MAX        9  /* parts of a line that are named */
#define PROFILE_VALUES_MAX        4  /* values of one line */
#define PROFILE_WORDS_MAX         24 /* units, states, error replies of each kind */
#define PROFILE_WORD_MAX          16
#define PROFILE_TEXT_MAX          96
#define PROFILE_FACTS_MAX         12
#define PROFILE_SOURCE_MAX        200
#define PROFILE_READS_MAX_PER_S   50.0   /* asked one by one: a tick of the host is 5 ms, a line's way some more */
#define PROFILE_SAMPLES_MAX_PER_S 2000.0 /* the most that a text line carries: 20 bytes at 460 800 baud */

/* What the values of a profile are. Each has one unit that its channels use. */
enum profile_measures {
	PROFILE_FORCE,       /* N */
	PROFILE_MASS,        /* g; N where the bench says what g is here */
	PROFILE_LENGTH,      /* mm */
	PROFILE_TEMPERATURE, /* degC */
	PROFILE_MEASURES,
};

/* What a line says of itself. */
enum profile_state {
	PROFILE_STABLE,   /* also where the device does not say */
	PROFILE_UNSTABLE, /* the value is still moving */
	PROFILE_OVERLOAD, /* beyond the upper end of its range: a value in the same line is not used */
	PROFILE_UNDERLOAD,
	PROFILE_BUSY, /* no value at the moment; not a fault */
	PROFILE_STATES,
};

/* What a part of a line is: the words of "groups". */
enum profile_group {
	GROUP_NOTHING, /* "-" */
	GROUP_VALUE,   /* "value", "value2" to "value4" */
	GROUP_SIGN = GROUP_VALUE + PROFILE_VALUES_MAX,
	GROUP_UNIT,
	GROUP_STATE,
	GROUP_MAKER,
	GROUP_MODEL,
	GROUP_SERIAL,
	GROUP_FIRMWARE,
	GROUPS,
};

enum profile_verb {
	VERB_IDENTIFY, /* who are you */
	VERB_UNIT,     /* set the unit that the profile counts on */
	VERB_ZERO,     /* never in a run: `penrig profile test --zero` alone */
	VERB_READ,     /* one reading now */
	VERB_START,    /* begin to stream */
	VERB_STOP,     /* end it */
	VERBS,
};

/* One form that a line can have. */
struct profile_alternative {
	regex_t regex; /* compiled; owned by the profile */
	char pattern[PROFILE_PATTERN_MAX + 1];
	unsigned groups;
	enum profile_group group[PROFILE_GROUPS_MAX];
	bool has[GROUPS];         /* which of them it has */
	unsigned values;          /* how many; the first ones of GROUP_VALUE */
	enum profile_state state; /* of a line without a state of its own */
	char unit
		[PROFILE_WORD_MAX]; /* of every value, where the protocol fixes it; empty: the line or the bench says */
	char refused[PROFILE_TEXT_MAX]; /* not empty: the device has said no, and this is what it means */
};

struct profile_alternatives {
	unsigned count;
	struct profile_alternative *at; /* owned by the profile */
};

struct profile_line { /* one line of a reply */
	uint64_t timeout_ns;
	struct profile_alternatives any;
};

struct profile_command {
	bool there;
	uint8_t send[PROFILE_BYTES_MAX];
	unsigned len;
	uint64_t
		settle_ns; /* without an answer: how long the line is left alone, and quiet, before it counts as done */
	unsigned lines;    /* of its answer, in order; 0: it has none */
	struct profile_line line[PROFILE_LINES_MAX];
};

struct profile_frame {
	uint8_t start[PROFILE_MARK_MAX], end[PROFILE_MARK_MAX], skip[PROFILE_MARK_MAX];
	unsigned start_len, end_len, skip_len;
	unsigned length; /* of a frame without an end; 0: it ends with `end` */
};

struct profile_unit {
	char text[PROFILE_WORD_MAX]; /* as the device writes it, without blanks around it */
	double factor, offset;       /* to the channel's unit: offset + factor * value */
};

struct profile_word {
	char text[PROFILE_WORD_MAX];
	int means; /* enum profile_state; +1 or -1 */
};

struct profile_error {
	regex_t regex;
	char pattern[PROFILE_PATTERN_MAX + 1], means[PROFILE_TEXT_MAX];
};

/* How sure what a profile says is: the words of "sure", from the surest down. */
enum profile_sure {
	SURE_TRIED,    /* seen on the device, or by a client that somebody else wrote */
	SURE_OWN,      /* the format is the firmware's that stands beside this profile */
	SURE_DOCUMENT, /* read in a public document */
	SURE_MEMORY,   /* nobody has looked it up */
	SURES,
};

struct profile_fact {
	char what[PROFILE_TEXT_MAX], source[PROFILE_SOURCE_MAX];
	enum profile_sure sure;
};

struct profile {
	struct json_doc *doc;
	char digest[65]; /* SHA-256 of the file, hex */
	char name[PROFILE_NAME_MAX], title[PROFILE_TEXT_MAX];
	unsigned facts;
	struct profile_fact fact[PROFILE_FACTS_MAX];
	enum profile_measures measures;
	unsigned values; /* of every reading */
	struct link_settings line;
	struct profile_frame frame;
	bool decimal_comma;
	bool unit_by_bench;  /* the replies name none: the bench file must */
	uint64_t between_ns; /* from one command to the next, at least */
	double reads_per_s;  /* as often as it is asked, where the bench does not say */
	unsigned units, states, signs, errors, ignores;
	struct profile_unit unit[PROFILE_WORDS_MAX];
	struct profile_word state[PROFILE_WORDS_MAX], sign[PROFILE_WORDS_MAX];
	struct profile_error error[PROFILE_WORDS_MAX], ignore[PROFILE_WORDS_MAX];
	struct profile_command verb[VERBS];
	double samples_per_s; /* of its stream; 0: it has none */
	struct profile_alternatives sample;
	bool unasked; /* it streams from the moment it has power: no start, no stop */
};

/* `file` is the name for messages. 0 and *ret; -EINVAL with FILE:LINE:COL and what to write instead; -ENOMEM; -E2BIG. */
int profile_parse(const char *file, const char *text, size_t len, struct profile **ret, struct err *err);
void profile_free(struct profile *profile); /* NULL is fine */

const char *profile_verb_name(enum profile_verb verb);      /* "identify" */
const char *profile_state_name(enum profile_state state);   /* "stable" */
const char *profile_measures_name(enum profile_measures m); /* "mass" */
const char *profile_measures_unit(enum profile_measures m); /* "g": of a value that was read */
const char *profile_sure_name(enum profile_sure sure);      /* "document" */
enum profile_sure profile_sure(const struct profile *p);    /* of its facts, the least sure */

/* A unit by the device's own word for it; NULL: the profile does not know it. */
const struct profile_unit *profile_unit(const struct profile *profile, const char *text);

#endif
