/* The fast part of every look at a text: most of them are printable ASCII. */
#ifndef PENRIG_BASE_TEXT_PLAIN_H
#define PENRIG_BASE_TEXT_PLAIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* So many bytes at its begin are printable ASCII; less than len where another stands behind them. Eight at a time: one below
 * 0x20 borrows, 0x7f carries, and one from 0x80 on has the bit that both reach. */
static inline size_t text_plain(const char *text, size_t len)
{
	size_t n = 0;

	for (uint64_t word; n + sizeof(word) <= len; n += sizeof(word)) {
		memcpy(&word, text + n, sizeof(word));
		if (((word - 0x2020202020202020u) | (word + 0x0101010101010101u) | word) & 0x8080808080808080u)
			break;
	}
	while (n < len && (unsigned char)text[n] >= 0x20 && (unsigned char)text[n] < 0x7f)
		n++;
	return n;
}

#endif
