/* Letters of seven rows for what must be read from across the room. Only the letters that a verdict needs. */
#include <string.h>

#include "reports/render.h"

#define ROWS    7
#define COLUMNS 5

static const struct {
	char letter;
	unsigned char row[ROWS]; /* bit 4 is the leftmost column */
} font[] = {
	{'A', {0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11}}, {'C', {0x0f, 0x10, 0x10, 0x10, 0x10, 0x10, 0x0f}},
	{'D', {0x1e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1e}}, {'E', {0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f}},
	{'F', {0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x10}}, {'I', {0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e}},
	{'L', {0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f}}, {'N', {0x11, 0x19, 0x19, 0x15, 0x13, 0x13, 0x11}},
	{'O', {0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e}}, {'P', {0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10, 0x10}},
	{'R', {0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11}}, {'S', {0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e}},
	{'M', {0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11}}, {'T', {0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04}},
	{'U', {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e}}, {'V', {0x11, 0x11, 0x11, 0x11, 0x11, 0x0a, 0x04}},
};

static const unsigned char *glyph(char letter)
{
	for (size_t i = 0; i < sizeof(font) / sizeof(font[0]); i++)
		if (font[i].letter == letter)
			return font[i].row;
	return NULL;
}

static void print_row(FILE *out, const struct style *style, const char *word, size_t len, unsigned row, unsigned wide)
{
	const char *ink = style->utf8 ? "\xe2\x96\x88" : "#";

	fputs("  ", out);
	for (size_t at = 0; at < len; at++)
		for (unsigned column = 0; column <= COLUMNS; column++)
			for (unsigned i = 0; i < wide; i++)
				fputs(column < COLUMNS && (glyph(word[at])[row] >> (COLUMNS - 1 - column) & 1) ? ink
													       : " ",
				      out);
	fputc('\n', out);
}

/* Two columns as one half block each: a long word on a narrow terminal. */
static void print_half_row(FILE *out, const char *word, size_t len, unsigned row)
{
	static const char *const ink[] = {" ", "\xe2\x96\x90", "\xe2\x96\x8c", "\xe2\x96\x88"};

	fputs("  ", out);
	for (size_t at = 0; at < len; at++)
		for (int shift = COLUMNS - 2; shift >= -1; shift -= 2) {
			unsigned row_bits = glyph(word[at])[row];

			fputs(ink[(shift >= 0 ? row_bits >> shift : row_bits << 1) & 3], out);
		}
	fputc('\n', out);
}

/* Columns of a letter in which all words fit: 12, 6, 3 as half blocks, or 0. One for all of them: PASS in larger letters than the word
 * above it would be read alone. */
static unsigned letter_columns(const struct style *style, const char *words)
{
	static const unsigned columns[] = {2 * (COLUMNS + 1), COLUMNS + 1, (COLUMNS + 1) / 2};
	size_t longest = 0;

	for (const char *word = words; *word; word += strspn(word, " ")) {
		size_t len = strcspn(word, " ");

		longest = len > longest ? len : longest;
		word += len;
	}
	for (unsigned i = 0; i < (style->utf8 ? 3 : 2); i++)
		if (2 + longest * columns[i] <= style->width)
			return columns[i];
	return 0;
}

bool render_banner(FILE *out, const struct style *style, const char *words)
{
	unsigned columns = letter_columns(style, words);

	for (const char *c = words; *c; c++)
		if (!columns || (*c != ' ' && !glyph(*c)))
			return false;
	for (const char *word = words; *word;) {
		size_t len = strcspn(word, " ");

		for (unsigned row = 0; row < ROWS; row++)
			if (columns > COLUMNS)
				print_row(out, style, word, len, row, columns / (COLUMNS + 1));
			else
				print_half_row(out, word, len, row);
		word += len + strspn(word + len, " ");
		if (*word)
			fputc('\n', out);
	}
	return true;
}
