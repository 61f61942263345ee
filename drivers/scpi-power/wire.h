/* What SCPI power supplies say, docs/protocols/scpi-power.md, as pure functions: dialects as rows of a table, requests to
 * lines, lines to values. No state, no I/O, no clock. */
#ifndef PENRIG_DRIVERS_SCPI_POWER_WIRE_H
#define PENRIG_DRIVERS_SCPI_POWER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POWER_BAUD         9600
#define POWER_USB_CLASS    0xFE /* USBTMC */
#define POWER_USB_SUBCLASS 0x03
#define POWER_RIGOL_VID    0x1AB1
#define POWER_RIGOL_PID    0x0E11 /* DP800 */
#define POWER_LINE_MAX     128    /* bytes of a request with its LF and NUL; the longest there is has 83 */
#define POWER_TEXT_MAX     48

/* Each is one line with one question in it. */
enum power_line {
	POWER_IDENTIFY, /* the only one that is the same for every make */
	POWER_OFF,      /* and how the output stands then */
	POWER_ON,
	POWER_OUTPUT,      /* how the output stands */
	POWER_SET_VOLTS,   /* V; answered by the error queue */
	POWER_CHECK_VOLTS, /* the voltage that is set */
	POWER_SET_AMPS,
	POWER_CHECK_AMPS,
	POWER_VOLTS, /* as it measures at its terminals */
	POWER_AMPS,
	POWER_SET_TIMER,  /* s; answered by what is set */
	POWER_TIMER,      /* whether it is armed */
	POWER_TIMER_TIME, /* for what time */
	POWER_TIMER_OFF,  /* disarmed; and whether it is armed then */
	POWER_FEED,       /* s, as set; answered by what is set */
	POWER_LINES,
};

/* How a make says how the output stands. */
enum power_output_form {
	POWER_WORD,   /* 0, 1, ON, OFF */
	POWER_STATUS, /* a hexadecimal word with a bit for each output */
};

#define POWER_OUTPUTS_MAX 3
#define POWER_MODELS_MAX  10

/* The most that an output can be set to, as its maker rates it. */
struct power_rating {
	double volts_v, amps_a;
};

struct power_model {
	const char *name; /* of *IDN?, whole, whatever the case */
	unsigned outputs; /* how many may feed a pen: those behind make negative volts, or have no status */
	struct power_rating output[POWER_OUTPUTS_MAX];
};

struct power_dialect {
	const char *name;
	const char *maker;                          /* of *IDN?: how the maker's name begins, whatever the case */
	struct power_model model[POWER_MODELS_MAX]; /* the last has no name */
	/* By power_line: '#' stands for the output's number, '@' for the value. NULL: it has no such thing. */
	const char *line[POWER_LINES];
	enum power_output_form output_form;
	unsigned output_bit; /* POWER_STATUS: of output 1; those of the others follow */
	double step_v, step_a, step_s;
	double timer_min_s, timer_max_s; /* 0: no timer */
};

/* Whose *IDN? this is. */
struct power_identity {
	char maker[POWER_TEXT_MAX], model[POWER_TEXT_MAX], serial[POWER_TEXT_MAX], firmware[POWER_TEXT_MAX];
	bool cut; /* one of them was longer */
};
/* NULL: nobody's in the table. ret_model may be NULL. */
const struct power_dialect *power_dialect_of(const struct power_identity *identity,
					     const struct power_model **ret_model);
const struct power_dialect *power_dialect_named(const char *name); /* NULL: there is none */
extern const struct power_dialect power_dialects[];                /* the last has no name */

/* In what steps a supply takes the value of a line; 0: the line has none. */
double power_step(const struct power_dialect *dialect, enum power_line line);
/* The value as it is sent: the nearest of the supply's steps. Of lines without a value: what came. */
double power_as_sent(const struct power_dialect *dialect, enum power_line line, double value);

/* The line with its LF and a NUL. dialect: NULL for POWER_IDENTIFY. Returns its length without the NUL; 0: it does not fit,
 * or the dialect has no such line. */
size_t power_encode(const struct power_dialect *dialect, enum power_line line, unsigned output, double value,
		    char *buffer, size_t size);
/* The same without its question: what is said blindly. Nothing answers it. */
size_t power_encode_unasked(const struct power_dialect *dialect, enum power_line line, unsigned output, double value,
			    char *buffer, size_t size);

/* What the supply says, behind a response header or none; NULL: it is the header of another question than the line's. */
const char *power_answer(const struct power_dialect *dialect, enum power_line line, unsigned output, const char *said);

/* Readers: true and *ret filled when the whole answer is right, else false and *ret untouched. Blanks may stand about what they
 * read. */

/* As rig/driver/ieee488.h, blanks about the exponent's letter allowed; NaN and infinity are refused. */
bool power_read_number(const char *line, double *ret);
/* How the output stands. Of outputs that are coupled nobody can say. */
bool power_read_output(const struct power_dialect *dialect, unsigned output, const char *line, bool *ret);
/* It is how the outputs stand, and they are coupled: in series or parallel several share terminals. */
bool power_read_coupled(const struct power_dialect *dialect, const char *line);
bool power_read_switch(const char *line, bool *ret); /* 0, 1, ON, OFF */
/* An entry of the error queue: a number, then a comma or a blank and words, with or without quotes. */
bool power_read_error(const char *line, int *ret_code, char ret_text[POWER_TEXT_MAX]);
/* At least maker, model, serial and firmware between commas, of which a longer one is cut; "MODEL " before the model is
 * dropped. */
bool power_read_identity(const char *line, struct power_identity *ret);

#endif
