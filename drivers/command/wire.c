/* See wire.h. A line is a sample or nothing: half a number is a wrong number, so what does not fit to the last byte is
 * refused whole. */
#include "drivers/command/wire.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT_END INT32_MAX

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* One column, without the blanks around it. */
struct column {
	const char *text;
	size_t len;
};

static struct column trimmed(const char *text, size_t len)
{
	while (len > 0 && is_blank(*text))
		text++, len--;
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	return (struct column){text, len};
}

/* The next column; *at behind it, NULL behind the last. Separated by blanks, two beside each other are one. */
static struct column next_column(const char **at, char separator)
{
	const char *from = *at;
	size_t len;

	if (separator != ' ') {
		len = strcspn(from, (const char[]){separator, '\0'});
		*at = from[len] ? from + len + 1 : NULL;
		return trimmed(from, len);
	}
	from += strspn(from, " \t\r");
	len = strcspn(from, " \t\r");
	*at = from + len + strspn(from + len, " \t\r");
	*at = **at ? *at : NULL;
	return (struct column){from, len};
}

static bool is_no_value(struct column c)
{
	static const char *const words[] = {"nan", "-nan", "+nan", "inf", "-inf", "+inf", "infinity", "-infinity"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (c.len == strlen(words[i]) && strncasecmp(c.text, words[i], c.len) == 0)
			return true;
	return c.len == 0;
}

/* Decimal digits with a point and an exponent, nothing else: strtod() alone takes more. NaN: it is none. */
static double number_of(struct column c)
{
	char text[48], *end;

	if (c.len >= sizeof(text) || strspn(c.text, "+-.0123456789eE") < c.len)
		return NAN;
	memcpy(text, c.text, c.len);
	text[c.len] = '\0';
	double value = strtod(text, &end);
	return end != text && !*end ? value : NAN;
}

static int32_t count_of(double value, double resolution, uint32_t *flags)
{
	double count = round(value / resolution);

	if (fabs(count) < COUNT_END)
		return (int32_t)count;
	*flags |= SAMPLE_OVER_RANGE;
	return count < 0 ? -COUNT_END : COUNT_END;
}

static int split(const struct command_decoder *d, struct column column[COMMAND_COLUMNS_MAX])
{
	const char *at = d->line;
	unsigned n = 0;

	for (; at; n++) {
		if (n == d->setup->columns)
			return -1;
		column[n] = next_column(&at, d->setup->separator);
	}
	return n == d->setup->columns ? 0 : -1;
}

/* Every column must be one, those that are not asked for, too: else this line is none of the samples. */
static enum command_fed read_columns(struct command_decoder *d)
{
	struct column column[COMMAND_COLUMNS_MAX];
	enum command_fed fed = COMMAND_SAMPLE;

	if (split(d, column)) {
		d->why = "it has another number of columns than the bench file says";
		return COMMAND_ODD;
	}
	for (unsigned i = 0; i < d->setup->channels; i++) {
		const struct command_channel *channel = &d->setup->channel[i];
		struct column c = column[channel->column - 1];
		double value = is_no_value(c) ? NAN : number_of(c);
		if (is_no_value(c)) {
			fed = COMMAND_NOTHING;
		} else if (isnan(value)) {
			d->why = "a column that is asked for holds no number";
			return COMMAND_ODD;
		} else {
			d->count[i] = count_of(value, channel->resolution, &d->flags);
		}
	}
	return fed;
}

static enum command_fed end_line(struct command_decoder *d)
{
	bool too_long = d->too_long, torn = memchr(d->line, 0, d->len) != NULL;

	d->line[d->len] = '\0';
	d->shown = d->len;
	d->len = 0;
	d->too_long = false;
	d->flags = 0;
	if (d->skipped < d->setup->skip) {
		d->skipped++;
		return COMMAND_MORE;
	}
	if (too_long || torn) {
		d->why = too_long ? "it is longer than 512 bytes" : "it holds a zero byte: is this output raw?";
		return COMMAND_ODD;
	}
	struct column all = trimmed(d->line, d->shown);
	if (all.len == 0)
		return COMMAND_MORE;
	return *all.text == '#' ? COMMAND_REMARK : read_columns(d);
}

static void keep(struct command_decoder *d, const uint8_t *data, size_t len)
{
	if (len > COMMAND_LINE_MAX - d->len) {
		d->too_long = true;
		len = COMMAND_LINE_MAX - d->len;
	}
	memcpy(d->line + d->len, data, len);
	d->len += len;
}

static enum command_fed feed_lines(struct command_decoder *d, const uint8_t *data, size_t len, size_t *ret_used)
{
	size_t used = 0;

	while (used < len) {
		const uint8_t *end = memchr(data + used, '\n', len - used);
		size_t n = end ? (size_t)(end - data) - used : len - used;
		keep(d, data + used, n);
		used += n + (end != NULL);
		enum command_fed fed = end ? end_line(d) : COMMAND_MORE;
		if (fed != COMMAND_MORE) {
			*ret_used = used;
			return fed;
		}
	}
	*ret_used = len;
	return COMMAND_MORE;
}

/* ---- raw integers ------------------------------------------------------------------------------------------------ */

static int32_t integer_at(const uint8_t *p, const struct command_format *f, uint32_t *flags)
{
	unsigned width = 8U * f->bytes;
	uint32_t bits = 0;

	for (unsigned i = 0; i < f->bytes; i++)
		bits = bits << 8 | p[f->big_endian ? i : f->bytes - 1U - i];
	uint32_t sign = f->is_signed ? UINT32_C(1) << (width - 1) : 0;
	uint32_t top = (width == 32 ? UINT32_MAX : (UINT32_C(1) << width) - 1) ^ sign;
	if (bits == top || bits == sign)
		*flags |= SAMPLE_SATURATED; /* of an unsigned one 0 is the lower end */
	return (int32_t)((bits ^ sign) - sign);
}

/* Low byte first or last. */
static int32_t marked_at(const uint8_t *p, const struct command_format *f)
{
	int32_t value = 0;

	for (unsigned i = 0; i < f->bytes; i++)
		value = value << f->value_bits |
			(p[f->big_endian ? i : f->bytes - 1U - i] & ((1 << f->value_bits) - 1));
	return value;
}

static enum command_fed end_marked(struct command_decoder *d)
{
	const struct command_format *f = d->setup->format;
	enum command_fed fed = COMMAND_SAMPLE;

	d->len = d->shown = 0;
	d->line[0] = '\0';
	d->flags = 0;
	for (unsigned i = 0; i < d->setup->channels; i++) {
		d->count[i] = marked_at(d->raw + (size_t)f->bytes * (d->setup->channel[i].column - 1), f);
		if (d->count[i] >= f->none)
			fed = COMMAND_NOTHING;
	}
	return fed;
}

static bool is_next(const struct command_decoder *d, size_t at, uint8_t byte)
{
	const struct command_format *f = d->setup->format;
	unsigned i = (unsigned)(at % f->bytes);
	bool further = at >= f->bytes && i + 1U == f->bytes && f->mark_further;

	return (byte & ~((1 << f->value_bits) - 1)) == (further ? f->mark_further : f->mark[i]);
}

/* What does not follow what came before it leaves a sample torn: told once, until one is whole. */
static enum command_fed tear(struct command_decoder *d, uint8_t byte)
{
	bool told = d->hunts;

	memcpy(d->line, d->raw, d->len);
	d->line[d->len] = (char)byte;
	d->shown = d->len + 1;
	d->line[d->shown] = '\0';
	d->raw[0] = byte;
	d->len = is_next(d, 0, byte);
	d->hunts = true;
	d->why = "its bytes do not follow each other: some are missing, or the line is set to another speed";
	return told ? COMMAND_MORE : COMMAND_ODD;
}

static enum command_fed feed_marked(struct command_decoder *d, const uint8_t *data, size_t len, size_t *ret_used)
{
	size_t frame = (size_t)d->setup->format->bytes * d->setup->columns;

	for (size_t used = 0; used < len;) {
		uint8_t byte = data[used++];
		enum command_fed fed = COMMAND_MORE;

		*ret_used = used;
		if (d->skipped < d->setup->skip) {
			d->skipped++;
		} else if (!is_next(d, d->len, byte)) {
			fed = tear(d, byte);
		} else {
			d->raw[d->len++] = byte;
			if (d->len == frame) {
				d->hunts = false;
				fed = end_marked(d);
			}
		}
		if (fed != COMMAND_MORE)
			return fed;
	}
	*ret_used = len;
	return COMMAND_MORE;
}

static enum command_fed feed_raw(struct command_decoder *d, const uint8_t *data, size_t len, size_t *ret_used)
{
	const struct command_format *f = d->setup->format;
	size_t skip = d->setup->skip - d->skipped, frame = (size_t)f->bytes * d->setup->columns;

	assert(frame <= sizeof(d->raw));
	skip = skip < len ? skip : len;
	d->skipped += (unsigned)skip;
	size_t n = frame - d->len < len - skip ? frame - d->len : len - skip;
	memcpy(d->raw + d->len, data + skip, n);
	d->len += n;
	*ret_used = skip + n;
	if (d->len < frame)
		return COMMAND_MORE;
	d->len = 0;
	d->flags = 0;
	for (unsigned i = 0; i < d->setup->channels; i++)
		d->count[i] = integer_at(d->raw + (size_t)f->bytes * (d->setup->channel[i].column - 1), f, &d->flags);
	return COMMAND_SAMPLE;
}

enum command_fed command_feed(struct command_decoder *decoder, const uint8_t *data, size_t len, size_t *ret_used)
{
	const struct command_format *format = decoder->setup->format;

	return format->value_bits ? feed_marked(decoder, data, len, ret_used)
	       : format->bytes    ? feed_raw(decoder, data, len, ret_used)
				  : feed_lines(decoder, data, len, ret_used);
}
