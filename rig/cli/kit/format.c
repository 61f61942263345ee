/* What the terminal at hand can show; durations and sizes. */
#include <errno.h>
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rig/cli/kit/format.h"

#include "rig/base/text_clean.h"

#define WIDTH_DEFAULT 100 /* not a terminal: a log */

const char *const colour_words[] = {"auto", "always", "never", NULL};

unsigned terminal_width(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return isatty(fd) ? 80 : WIDTH_DEFAULT;
}

struct style style_of(FILE *stream, enum colour_choice choice)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool terminal = isatty(fileno(stream)) == 1;
	bool dumb = !term || strcmp(term, "dumb") == 0;
	bool fits = terminal && !dumb && !(no_color && *no_color);

	return (struct style){
		.colour = choice == COLOUR_ALWAYS || (choice == COLOUR_AUTO && fits),
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.big = terminal,
		.width = terminal_width(fileno(stream)),
	};
}

void format_duration(double seconds, char *ret, size_t size)
{
	long whole = isfinite(seconds) && seconds < 1e9 ? lround(seconds) : -1;

	if (whole < 0)
		snprintf(ret, size, "-");
	else if (seconds < 10)
		snprintf(ret, size, "%.1f s", seconds);
	else if (whole < 60)
		snprintf(ret, size, "%ld s", whole);
	else if (whole < 3600)
		snprintf(ret, size, "%ld min %02ld s", whole / 60, whole % 60);
	else
		snprintf(ret, size, "%ld h %02ld min", whole / 3600, whole % 3600 / 60);
}

int parse_duration(const char *text, double *ret_s)
{
	static const struct {
		const char *unit;
		double s;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}};
	char *end;
	double number = strtod(text, &end);

	for (size_t i = 0; end != text && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) == 0 && number > 0 && isfinite(number)) {
			*ret_s = number * units[i].s;
			return 0;
		}
	}
	return -EINVAL;
}

void format_bytes(double bytes, char *ret, size_t size)
{
	static const char *const prefix[] = {"B", "kB", "MB", "GB", "TB"};
	unsigned i = 0;

	while (bytes >= 999.5 && i + 1 < sizeof(prefix) / sizeof(prefix[0])) {
		bytes /= 1000;
		i++;
	}
	snprintf(ret, size, i ? "%.3g %s" : "%.0f %s", bytes, prefix[i]);
}

void print_csv(FILE *out, const char *text)
{
	bool formula = *text && strchr("=+-@\t", *text);
	char clean[4096];

	if (!formula && !strpbrk(text, ",\"\r\n")) {
		print_clean(out, text);
		return;
	}
	fputs(formula ? "\" " : "\"", out);
	for (const char *c = text_clean(text, clean, sizeof(clean)); *c; c++) {
		if (*c == '"')
			fputc('"', out);
		fputc((unsigned char)*c < 0x20 ? '?' : *c, out);
	}
	fputc('"', out);
}
