/* GRBL 1.1's lines (docs/protocols/grbl.md) as pure functions. No I/O, no clock. */
#ifndef PENRIG_DRIVERS_GRBL_WIRE_H
#define PENRIG_DRIVERS_GRBL_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#define GRBL_AXES     3
#define GRBL_LINE_MAX 80 /* of a line that it takes, with its end */
#define GRBL_RESET    0x18
#define GRBL_STATUS   '?'
#define GRBL_HOLD     '!'

enum grbl_kind {
	GRBL_OK,
	GRBL_ERROR,   /* number */
	GRBL_ALARM,   /* number */
	GRBL_REPORT,  /* state and position */
	GRBL_BANNER,  /* it has started; text: its version */
	GRBL_SETTING, /* number, value */
	GRBL_REMARK,  /* in brackets, and what else says nothing of a command; text */
	GRBL_NONSENSE,
};

enum grbl_state { GRBL_IDLE, GRBL_RUN, GRBL_HELD, GRBL_JOG, GRBL_ALARMED, GRBL_OTHER };

struct grbl_said {
	enum grbl_kind kind;
	unsigned number;
	double value;
	enum grbl_state state;
	bool has_position; /* the machine's own: MPos */
	double position_mm[GRBL_AXES];
	char text[48];
};
struct grbl_said grbl_read(const char *line);

/* What error and alarm numbers mean, for messages; never NULL. */
const char *grbl_error(unsigned number);
const char *grbl_alarm(unsigned number);

/* "G90 G21 G1 F60.0\n": the bytes' number, 0 where it is no move. Rounded to 1 um. */
size_t grbl_move(char axis, double position_mm, double feed_mm_min, char ret[GRBL_LINE_MAX]);

#endif
