/* The one error currency: a negative errno for the program, one bounded text for the person.
 * Functions return 0 or -errno, fill `err` only on failure and leave ret_ parameters untouched then. */
#ifndef PENRIG_BASE_ERROR_H
#define PENRIG_BASE_ERROR_H

#define ERR_TEXT_MAX 600 /* two paths (2 x 200), a position and one sentence with its remedy */

struct err {
	char text[ERR_TEXT_MAX];
};

/* Writes the text (truncated to fit, never overflowing) and returns `code`, so that a failure is one line:
 * `return err_set(err, -ENODEV, "...")`. `err` may be NULL: the caller wants the code alone. */
__attribute__((format(printf, 3, 4))) int err_set(struct err *err, int code, const char *fmt, ...);

/* Puts "prefix: " in front of the text that is there. */
__attribute__((format(printf, 2, 3))) void err_prefix(struct err *err, const char *fmt, ...);

#endif
