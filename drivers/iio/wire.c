/* See wire.h. */
#include "drivers/iio/wire.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTED_MAX 1000 /* scans in a gap: of more than that 200 ppm between two clocks leave open how many */
#define TRACKED     1e-3 /* samples: so much of a stamp's lateness is the two clocks' rates, at each sample */

/* ---- answers --------------------------------------------------------------------------------------------------------- */

/* A line is in line[] without its end. */
static enum iio_fed feed_line(char *line, unsigned *len, unsigned size, const uint8_t *data, size_t n, size_t *used)
{
	for (*used = 0; *used < n;) {
		uint8_t byte = data[(*used)++];
		if (byte == '\n') {
			*len -= *len > 0 && line[*len - 1] == '\r';
			line[*len] = '\0';
			*len = 0;
			return IIO_DONE;
		}
		if (*len + 1 == size)
			return IIO_NONSENSE;
		line[(*len)++] = (char)byte;
	}
	return IIO_MORE;
}

static bool read_number(const char *line, long *ret)
{
	char *end;
	bool digit = strspn(line, "-0123456789") == strlen(line) && line[0];

	*ret = digit ? strtol(line, &end, 10) : 0;
	return digit && *end == '\0' && *ret > -0x7FFFFFFF && *ret < 0x7FFFFFFF;
}

static enum iio_fed feed_text(struct iio_answer *a, const uint8_t *data, size_t len, size_t *used)
{
	*used = a->left < len ? a->left : len;
	if (a->left == 0) {
		*used = 1;
		return data[0] == '\n' ? IIO_DONE : IIO_NONSENSE;
	}
	size_t room = IIO_VALUE_MAX - 1 - a->kept, kept = *used < room ? *used : room;
	memcpy(a->text + a->kept, data, kept);
	a->kept += kept;
	a->left -= *used;
	return IIO_TEXT;
}

enum iio_fed iio_answer_feed(struct iio_answer *a, const uint8_t *data, size_t len, size_t *used)
{
	if (a->in_text)
		return feed_text(a, data, len, used);
	enum iio_fed fed = feed_line(a->line, &a->len, sizeof(a->line), data, len, used);
	if (fed != IIO_DONE)
		return fed;
	if (!read_number(a->line, &a->number))
		return IIO_NONSENSE;
	a->in_text = a->has_text && a->number > 0;
	a->left = a->in_text ? (size_t)a->number : 0;
	return a->in_text ? IIO_HEAD : IIO_DONE;
}

bool iio_value(const struct iio_answer *a, double *ret)
{
	char text[IIO_VALUE_MAX] = "", *end;

	memcpy(text, a->text, a->kept);
	double value = strtod(text, &end);
	*ret = isfinite(value) ? value : 0;
	return a->number < IIO_VALUE_MAX && end > text && isfinite(value) && end[strspn(end, " \n")] == '\0';
}

/* ---- where a scan has what -------------------------------------------------------------------------------------------- */

/* "voltage3", or "voltage3-voltage7". Of several none is. */
static const struct iio_channel *find_input(const struct iio_device *d, unsigned number)
{
	const struct iio_channel *found = NULL;
	char id[IIO_NAME_MAX];
	int len = snprintf(id, sizeof(id), "voltage%u", number);

	for (unsigned i = 0; i < d->channels && i < IIO_CHANNELS_MAX; i++) {
		const struct iio_channel *c = &d->channel[i];
		if (c->output || !c->format.bytes || strncmp(c->id, id, (size_t)len) != 0 ||
		    (c->id[len] && c->id[len] != '-'))
			continue;
		if (found)
			return NULL;
		found = c;
	}
	return found;
}

static int place_input(const struct iio_device *d, const struct daq_input *input, struct iio_place *ret,
		       struct err *err)
{
	const struct iio_channel *c = find_input(d, input->channel.column);

	if (!c)
		return err_set(err, -EINVAL,
			       "%s has no one input \"voltage%u\" that it samples, as the bench file says of \"%s\"",
			       d->name, input->channel.column, input->channel.name);
	if (c->format.bits > 32 || !c->scale)
		return err_set(err, -EINVAL, "input %u of %s %s", input->channel.column, d->name,
			       c->scale ? "has more than 32 bits"
					: "does not say its scale: what its counts mean is not known");
	*ret = (struct iio_place){.channel = (unsigned)(c - d->channel), .format = c->format};
	return 0;
}

/* Values stand in the order of their indices, each at a multiple of its length, a scan at one of its longest. */
static int put_places(const struct iio_device *d, struct iio_layout *l, struct err *err)
{
	unsigned longest = 1;
	long index, before = -1;

	for (;; before = index) {
		struct iio_place *next = NULL;
		for (unsigned i = 0; i < l->inputs + l->stamped; i++) {
			struct iio_place *p = i < l->inputs ? &l->input[i] : &l->stamp;
			long at = d->channel[p->channel].index;
			if (at > before && (!next || at < d->channel[next->channel].index))
				next = p;
			else if (next && at == d->channel[next->channel].index)
				return err_set(err, -EINVAL, "%s has two of these inputs at one place of its scans",
					       d->name);
		}
		if (!next)
			break;
		index = d->channel[next->channel].index;
		unsigned bytes = next->format.bytes;
		next->at = (l->bytes + bytes - 1) / bytes * bytes;
		l->bytes = next->at + bytes;
		longest = bytes > longest ? bytes : longest;
	}
	l->bytes = (l->bytes + longest - 1) / longest * longest;
	return 0;
}

/* Its bit in a mask: channels count in the order of their indices, those that are in no scan behind them. */
static unsigned rank_of(const struct iio_device *d, unsigned channel)
{
	unsigned rank = 0;

	for (unsigned i = 0; i < d->channels; i++)
		rank += d->channel[i].index >= 0 && d->channel[i].index < d->channel[channel].index;
	return rank;
}

int iio_layout(const struct iio_device *d, const struct daq_setup *setup, struct iio_layout *ret, struct err *err)
{
	uint32_t word[IIO_CHANNELS_MAX / 32] = {0};
	unsigned words = (d->channels + 31) / 32, n = 0;
	int status = d->channels <= IIO_CHANNELS_MAX
			     ? 0
			     : err_set(err, -EINVAL, "%s has more than %d channels", d->name, IIO_CHANNELS_MAX);

	*ret = (struct iio_layout){.inputs = setup->inputs};
	for (unsigned i = 0; status == 0 && i < setup->inputs; i++)
		status = place_input(d, &setup->input[i], &ret->input[i], err);
	if (status)
		return status;
	for (unsigned i = 0; i < d->channels; i++)
		if (strcmp(d->channel[i].id, "timestamp") == 0 && d->channel[i].format.bits == 64) {
			ret->stamped = true;
			ret->stamp = (struct iio_place){.channel = i, .format = d->channel[i].format};
		}
	for (unsigned i = 0; i < ret->inputs + ret->stamped; i++) {
		unsigned bit = rank_of(d, i < ret->inputs ? ret->input[i].channel : ret->stamp.channel);
		word[bit / 32] |= 1u << bit % 32;
	}
	while (words > 0)
		n += (unsigned)snprintf(ret->mask + n, sizeof(ret->mask) - n, "%08x", word[--words]);
	return put_places(d, ret, err);
}

int iio_volts(const struct iio_place *p, const struct daq_input *input, double *ret_per_count, double *ret_at_0,
	      struct err *err)
{
	double half = ldexp(1, p->format.bits - 1), per_count = p->scale_mv / 1e3;
	double at_0 = ((p->format.is_signed ? 0 : half) + p->offset) * per_count;
	double shows = fabs(at_0) + half * fabs(per_count);

	*ret_per_count = per_count;
	*ret_at_0 = at_0;
	if (per_count != 0 && fabs(shows - input->range_v) <= 0.01 * shows)
		return 0;
	return err_set(err, -EINVAL, "\"range_v\": %g of \"%s\": by its scale of %g mV, this input shows +-%.4g V",
		       input->range_v, input->channel.name, p->scale_mv, shows);
}

/* ---- the stream ------------------------------------------------------------------------------------------------------- */

static uint64_t raw_of(const struct iio_place *p, const uint8_t *scan)
{
	const struct iio_format *f = &p->format;
	uint64_t raw = 0;

	for (unsigned i = 0; i < f->bytes; i++)
		raw = raw << 8 | scan[p->at + (f->big ? i : f->bytes - 1 - i)];
	return raw >> f->shift & (UINT64_MAX >> (64 - f->bits));
}

/* As a number with a sign, whatever it is on the wire: 0 is the middle of what it can be. */
static int32_t count_of(const struct iio_place *p, const uint8_t *scan, uint32_t *flags)
{
	uint64_t raw = raw_of(p, scan), half = UINT64_C(1) << (p->format.bits - 1);

	raw ^= p->format.is_signed ? half : 0;
	*flags |= raw == 0 || raw == 2 * half - 1 ? SAMPLE_SATURATED : 0;
	return (int32_t)((int64_t)raw - (int64_t)half);
}

/* How many scans are missing before this one: what its stamp is late by, once the clocks' rates are off it. Stamps that are
 * late by half a sample, and then not, do not tell: -1. */
static int64_t missing(struct iio_stream *s)
{
	int64_t stamp = (int64_t)raw_of(&s->layout->stamp, s->scan);
	double late = s->late + (double)(int64_t)((uint64_t)stamp - (uint64_t)s->stamp) * s->rate_hz / 1e9 - 1,
	       lost = floor(late + 0.5);

	s->late = s->has_stamp ? late : 0;
	s->stamp = stamp;
	lost = s->has_stamp ? lost : 0;
	s->has_stamp = true;
	if (lost < 0 || lost > COUNTED_MAX)
		return -1;
	s->late -= lost;
	s->late -= fmax(-TRACKED, fmin(TRACKED, s->late));
	return (int64_t)lost;
}

static int broken(struct err *why, const char *text)
{
	err_set(why, -EPROTO, "%s", text);
	return IIO_BROKEN;
}

/* The line of a count, or that of the mask behind a request's first. */
static int take_line(struct iio_stream *s, const uint8_t *data, size_t len, size_t *used, struct err *why)
{
	long number;
	enum iio_fed fed = feed_line(s->line, &s->line_len, sizeof(s->line), data, len, used);

	if (fed == IIO_MORE)
		return IIO_ALL;
	if (s->stage == IIO_MASK) {
		s->stage = IIO_BYTES;
		s->masked = true;
		return fed == IIO_DONE && strcasecmp(s->line, s->layout->mask) == 0
			       ? IIO_ALL
			       : broken(why, "its scans hold other channels than were asked for: another program "
					     "streams from it");
	}
	if (fed == IIO_NONSENSE || !read_number(s->line, &number))
		return broken(why, "what it sends in place of samples is no count");
	if (number < 0) {
		err_set(why, -EREMOTEIO, "it ends the stream: %s (%ld)", strerror((int)-number), number);
		return IIO_BROKEN;
	}
	if (number == 0 || (uint64_t)number > s->asked || (unsigned long)number % s->layout->bytes)
		return broken(why,
			      "it sends a part of a scan, or more than was asked for: what is missing is not known");
	s->asked -= (uint64_t)number;
	s->left = (size_t)number;
	s->stage = s->masked ? IIO_BYTES : IIO_MASK;
	return IIO_ALL;
}

static void put_scan(struct iio_stream *s, struct sample_block *b, int32_t *counts)
{
	for (unsigned i = 0; i < s->layout->inputs; i++)
		counts[b->frames * s->layout->inputs + i] = count_of(&s->layout->input[i], s->scan, &b->flags);
	b->frames++;
	s->next_index++;
	s->scan_len = 0;
	s->held = false;
}

/* The block begins behind a gap. */
static void skip(struct iio_stream *s, struct sample_block *b)
{
	s->next_index += s->missing;
	s->lost += s->missing;
	b->first_index = s->next_index;
	b->flags |= SAMPLE_GAP;
}

/* Scans up to the end of what was announced, a full block, or a gap. */
static int take_scans(struct iio_stream *s, const uint8_t *data, size_t len, size_t *used, struct sample_block *b,
		      int32_t *counts, struct err *why)
{
	size_t most = len < s->left ? len : s->left;

	for (*used = 0; *used < most && (b->frames + 1) * s->layout->inputs <= IIO_COUNTS_MAX;) {
		size_t n = s->layout->bytes - s->scan_len;
		n = n < most - *used ? n : most - *used;
		memcpy(s->scan + s->scan_len, data + *used, n);
		*used += n;
		s->scan_len += (unsigned)n;
		if (s->scan_len < s->layout->bytes)
			break;
		int64_t lost = s->layout->stamped ? missing(s) : 0;
		if (lost < 0)
			return broken(
				why,
				"its time stamps jump, or vary by half a sample: whether one is missing is not known");
		s->missing = lost > 0 ? (uint64_t)lost : s->missing;
		s->held = lost > 0 && b->frames > 0;
		if (s->held)
			break;
		if (lost > 0)
			skip(s, b);
		put_scan(s, b, counts);
	}
	s->left -= *used;
	return b->frames ? IIO_BLOCK : IIO_ALL;
}

enum iio_samples iio_stream_take(struct iio_stream *s, const uint8_t *data, size_t len, size_t *used,
				 struct sample_block *ret, int32_t *counts, struct err *why)
{
	int got = IIO_ALL;

	*ret = (struct sample_block){
		.channels = (uint8_t)s->layout->inputs, .first_index = s->next_index, .counts = counts};
	*used = 0;
	if (s->held) {
		skip(s, ret);
		put_scan(s, ret, counts);
		got = IIO_BLOCK;
	}
	if (got == IIO_ALL && s->stage == IIO_COUNT && s->asked == 0 && s->masked) {
		s->masked = false;
		return IIO_SPENT;
	}
	if (s->stage == IIO_BYTES)
		got = take_scans(s, data, len, used, ret, counts, why);
	else if (got == IIO_ALL)
		got = take_line(s, data, len, used, why);
	if (s->stage == IIO_BYTES && s->left == 0)
		s->stage = IIO_COUNT;
	return got;
}
