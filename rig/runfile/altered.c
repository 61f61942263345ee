/* Where a row of the run file was altered, found by trying. Leaves out what more than one altered byte was before: that no
 * digest tells. */
#include "rig/runfile/altered.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 9
#define FIGURE    24 /* characters of a figure that are shown */

enum part_kind {
	PART_FIXED,  /* what the row before, or the row's place, says */
	PART_NUMBER, /* 8 bytes, little-endian */
	PART_TEXT,
	PART_BYTES,
};

/* All that a digest covers, one part behind the other. */
struct message {
	uint8_t *at;
	size_t len;
	unsigned parts;
	bool out_of_memory;
	struct part {
		const char *cell;
		enum part_kind kind;
		size_t start, len;
	} part[PARTS_MAX];
};

static void put(struct message *m, const void *data, size_t len)
{
	uint8_t *more = m->out_of_memory ? NULL : realloc(m->at, m->len + len + 1);

	if (!more) {
		m->out_of_memory = true;
		return;
	}
	m->at = more;
	if (len)
		memcpy(m->at + m->len, data, len);
	m->len += len;
}

static void put_part(struct message *m, const char *cell, enum part_kind kind, const void *data, size_t len)
{
	m->part[m->parts++] = (struct part){.cell = cell, .kind = kind, .start = m->len, .len = len};
	put(m, data, len);
}

static void put_number(struct message *m, const char *cell, enum part_kind kind, uint64_t number)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	put_part(m, cell, kind, bytes, sizeof(bytes));
}

/* Behind its length, which no single byte of the row can change. */
static void put_bytes(struct message *m, const char *cell, enum part_kind kind, const void *data, size_t len)
{
	uint8_t length[8];

	for (unsigned i = 0; i < sizeof(length); i++)
		length[i] = (uint8_t)((uint64_t)len >> (8 * i));
	put(m, length, sizeof(length));
	put_part(m, cell, kind, data, len);
}

/* ---- the search -------------------------------------------------------------------------------------------------- */

/* What may have stood in a byte's place: of a number's lowest byte anything, of a digit any other, else one bit. */
static unsigned candidates(const struct part *part, size_t at, uint8_t is, uint8_t ret[256])
{
	unsigned n = 0;

	for (unsigned value = 0; value < 256; value++) {
		unsigned apart = value ^ is;
		bool bit = apart && !(apart & (apart - 1));
		bool digit = part->kind == PART_TEXT && isdigit(is) && isdigit((int)value) && apart;
		bool low = part->kind == PART_NUMBER && at == 0 && apart;
		if (bit || digit || low)
			ret[n++] = (uint8_t)value;
	}
	return n;
}

static bool try_byte(const struct message *m, size_t at, const struct digest *before, uint8_t value,
		     const uint8_t wanted[DIGEST_BYTES])
{
	struct digest digest = *before;
	uint8_t got[DIGEST_BYTES];

	digest_raw(&digest, &value, 1);
	digest_raw(&digest, m->at + at + 1, m->len - at - 1);
	digest_end(&digest, got);
	return memcmp(got, wanted, sizeof(got)) == 0;
}

static uint64_t number_at(const uint8_t *at)
{
	uint64_t number = 0;

	for (unsigned i = 8; i-- > 0;)
		number = number << 8 | at[i];
	return number;
}

/* The figure, or the word, about a byte. */
static void figure(const uint8_t *text, size_t len, size_t at, char ret[FIGURE + 1])
{
	static const char ends[] = " ,:[]{}\"\n\t";
	size_t first = at, end = at, n = 0;

	while (first > 0 && at - first < FIGURE / 2 && !strchr(ends, text[first - 1]))
		first--;
	while (end < len && end - first < FIGURE && (end == at || !strchr(ends, text[end])))
		end++;
	for (; first < end; first++)
		ret[n++] = isprint(text[first]) ? (char)text[first] : '?';
	ret[n] = '\0';
}

static void tell(const struct message *m, const struct part *part, size_t at, uint8_t was, char *ret)
{
	uint8_t *data = m->at + part->start, is = data[at];
	char there[FIGURE + 1], written[FIGURE + 1];
	uint64_t number = part->kind == PART_NUMBER ? number_at(data) : 0;

	figure(data, part->len, at, there);
	data[at] = was;
	figure(data, part->len, at, written);
	if (part->kind == PART_NUMBER)
		snprintf(ret, ALTERED_TEXT_MAX, "cell %s: %" PRIu64 " stands there, and %" PRIu64 " was written",
			 part->cell, number, number_at(data));
	else if (part->kind == PART_TEXT)
		snprintf(ret, ALTERED_TEXT_MAX, "cell %s, byte %zu: \"%s\" stands there, and \"%s\" was written",
			 part->cell, at + 1, there, written);
	else
		snprintf(ret, ALTERED_TEXT_MAX, "cell %s, byte %zu: 0x%02x stands there, and 0x%02x was written",
			 part->cell, at + 1, is, was);
	data[at] = is;
}

static uint64_t work(const struct message *m)
{
	uint64_t bytes = 0;
	uint8_t value[256];

	for (unsigned i = 0; i < m->parts; i++)
		for (size_t at = 0; m->part[i].kind != PART_FIXED && at < m->part[i].len; at++) {
			size_t place = m->part[i].start + at;
			bytes += candidates(&m->part[i], at, m->at[place], value) * (uint64_t)(m->len - place);
		}
	return bytes;
}

static bool search_part(const struct message *m, const struct part *part, const uint8_t wanted[DIGEST_BYTES], char *ret)
{
	struct digest before;
	uint8_t value[256];

	digest_begin(&before);
	digest_raw(&before, m->at, part->start);
	for (size_t at = 0; at < part->len; at++) {
		size_t place = part->start + at;
		unsigned n = candidates(part, at, m->at[place], value);
		for (unsigned i = 0; i < n; i++) {
			if (!try_byte(m, place, &before, value[i], wanted))
				continue;
			tell(m, part, at, value[i], ret);
			return true;
		}
		digest_raw(&before, m->at + place, 1);
	}
	return false;
}

static bool search(struct message *m, const uint8_t wanted[DIGEST_BYTES], uint64_t most, char *ret)
{
	bool found = false, begun = !m->out_of_memory && work(m) <= most;

	for (unsigned i = 0; begun && !found && i < m->parts; i++)
		if (m->part[i].kind != PART_FIXED)
			found = search_part(m, &m->part[i], wanted, ret);
	if (!found)
		snprintf(ret, ALTERED_TEXT_MAX, "%s",
			 begun ? "more than one byte of it, or its length"
			       : "which byte of it was not looked for (penrig verify --search does)");
	free(m->at);
	return found;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

bool altered_in_item(const struct item *item, const uint8_t wanted[DIGEST_BYTES], uint64_t most, char *ret)
{
	struct message m = {.at = NULL};
	bool text = memchr(item->data, 0, item->len) == NULL && strcmp(item->state, "zstd") != 0 &&
		    strcmp(item->state, "raw") != 0;

	put_number(&m, "seq", PART_FIXED, item->seq);
	put_bytes(&m, "kind", PART_TEXT, item->kind, strlen(item->kind));
	put_number(&m, "key", PART_NUMBER, item->key);
	put_bytes(&m, "state", PART_TEXT, item->state, strlen(item->state));
	put_number(&m, "count", PART_NUMBER, item->count);
	put_bytes(&m, "data", text ? PART_TEXT : PART_BYTES, item->data, item->len);
	return search(&m, wanted, most, ret);
}

bool altered_in_entry(const struct altered_entry *entry, const uint8_t wanted[DIGEST_BYTES], uint64_t most, char *ret)
{
	struct message m = {.at = NULL};

	put_part(&m, "hash", PART_FIXED, entry->before, DIGEST_BYTES);
	put_number(&m, "seq", PART_FIXED, entry->seq);
	put_number(&m, "host_ns", PART_NUMBER, entry->host_ns);
	put_bytes(&m, "kind", PART_TEXT, entry->kind, strlen(entry->kind));
	put_bytes(&m, "json", PART_TEXT, entry->json, entry->len);
	return search(&m, wanted, most, ret);
}

bool altered_in_block(const struct packed *packed, const uint8_t wanted[DIGEST_BYTES], uint64_t most, char *ret)
{
	struct message m = {.at = NULL};

	put_number(&m, "device", PART_NUMBER, packed->device);
	put_number(&m, "stream", PART_NUMBER, packed->stream);
	put_number(&m, "first_index", PART_NUMBER, packed->first_index);
	put_number(&m, "frames", PART_NUMBER, packed->frames);
	put_number(&m, "channels", PART_NUMBER, packed->channels);
	put_number(&m, "width", PART_NUMBER, packed->width);
	put_bytes(&m, "arrivals", PART_BYTES, packed->arrivals, packed->arrivals_len);
	put_bytes(&m, "samples, unpacked", PART_BYTES, packed->raw, packed->raw_len);
	return search(&m, wanted, most, ret);
}

bool altered_digest(const uint8_t a[DIGEST_BYTES], const uint8_t b[DIGEST_BYTES])
{
	unsigned bits = 0;

	for (unsigned i = 0; i < DIGEST_BYTES; i++)
		for (unsigned bit = 0; bit < 8; bit++)
			bits += (a[i] ^ b[i]) >> bit & 1u;
	return bits == 1;
}
