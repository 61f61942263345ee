/* The text protocol of docs/protocols/scpi-pen.md as pure functions: lines to fields, fields to values, verbs to
 * lines. No state, no I/O, no clock. */
#ifndef PENRIG_DRIVERS_SCPI_PEN_WIRE_H
#define PENRIG_DRIVERS_SCPI_PEN_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCPI_PEN_VERSION      1
#define SCPI_PEN_BAUD         115200
#define SCPI_PEN_VID          0x1209
#define SCPI_PEN_PID_USB      0x0001
#define SCPI_PEN_PID_SERIAL   0x0003
#define SCPI_PEN_USB_CLASS    0xFE
#define SCPI_PEN_USB_SUBCLASS 0x03

#define SCPI_LINE_MAX         255 /* bytes without the line end, both ways */
#define SCPI_FIELDS_MAX       8   /* the longest answer we ask for has 5 */
#define SCPI_TEXT_MAX         48  /* names: 47 bytes and NUL */

enum scpi_error_code { /* those of one kind count down from its first: SCPI-99 volume 2, 21.8 */
		       SCPI_NO_ERROR = 0,
		       SCPI_COMMAND_ERROR = -100,
		       SCPI_EXECUTION_ERROR = -200,
		       SCPI_SETTINGS_CONFLICT = -221,
		       SCPI_OUT_OF_RANGE = -222,
		       SCPI_ILLEGAL_VALUE = -224,
};

enum scpi_condition {
	SCPI_UNDERVOLTAGE = 1 << 0,
	SCPI_OVER_TEMPERATURE = 1 << 4,
	SCPI_STALL = 1 << 9,
	SCPI_DEADMAN_TRIPPED = 1 << 10,
	SCPI_CARTRIDGE_MISSING = 1 << 11,
	SCPI_CONDITION_ALL = 0xE11,
};

/* Lines of section 6 of the protocol, in the order in which its table names them. */
enum scpi_line {
	SCPI_REOPEN, /* as SCPI_OPEN, and whether it ran until then, said twice */
	SCPI_OPEN,
	SCPI_IDENTIFY,
	SCPI_LIMITS,
	SCPI_CARTRIDGE,
	SCPI_SET_RATE,
	SCPI_SET_DEPTH,
	SCPI_DEADMAN,
	SCPI_RUN,
	SCPI_HEARTBEAT,
	SCPI_TELEMETRY,
	SCPI_STOP,
	SCPI_LINES,
};

/* Writes the program message with its LF and a NUL. value: Hz, mm or ms where the line sets one, else ignored.
 * Returns its length without the NUL; size SCPI_LINE_MAX + 2 is always enough. */
size_t scpi_encode(enum scpi_line line, double value, uint16_t tag, char *buffer, size_t size);

/* How many fields the response of a line has, its tag not counted. */
unsigned scpi_answers(enum scpi_line line);

/* The value as it stands in the line: what the pen must read back. */
double scpi_as_sent(double value);

/* Cuts a line at each ';' outside quotes, in place. Returns the number of fields, or -1 when there are more than
 * SCPI_FIELDS_MAX or a quote is left open. */
int scpi_split(char *line, char *fields[SCPI_FIELDS_MAX]);

/* Moves each field of a response to the line, its tag not counted, behind its response header, where it has one; false where
 * one is the header of another query. */
bool scpi_skip_headers(enum scpi_line line, char *fields[SCPI_FIELDS_MAX]);

/* Field readers: true and *ret filled when the whole field is right, else false and *ret untouched. Numbers are what
 * rig/driver/ieee488.h takes, without a response header; nothing may stand behind them. */

bool scpi_read_tag(const char *field, uint16_t *ret); /* of any line, behind its header or none */

/* NaN for 9.91E37 or NAN, an infinity for +-9.9E37, INF or NINF; a magnitude beyond that is refused. */
bool scpi_read_number(const char *field, double *ret);

bool scpi_read_uint(const char *field, uint64_t *ret); /* refused where it is no exact integer */
bool scpi_read_bool(const char *field, bool *ret);

struct scpi_error {
	int code;
	char text[SCPI_TEXT_MAX]; /* cut to fit */
};
bool scpi_read_error(const char *field, struct scpi_error *ret);

struct scpi_identity {
	char maker[SCPI_TEXT_MAX], model[SCPI_TEXT_MAX], serial[SCPI_TEXT_MAX], firmware[SCPI_TEXT_MAX];
};
bool scpi_read_identity(const char *field, struct scpi_identity *ret);

struct scpi_cartridge {
	char id[SCPI_TEXT_MAX];
	uint32_t needles;
	uint64_t strokes;
};
bool scpi_read_cartridge(const char *field, struct scpi_cartridge *ret);

struct scpi_readings {
	double rate_hz, motor_c, handle_c, volts_v, current_a; /* NaN where the pen gives no figure */
};
bool scpi_read_readings(const char *field, struct scpi_readings *ret);

#endif
