/* How a text writes its rows: what stands between cells, what marks a decimal, and where the body begins. Found in the
 * first lines, and only where nothing else fits. Pure. */
#ifndef PENRIG_OFFLINE_IMPORT_TEXT_DIALECT_H
#define PENRIG_OFFLINE_IMPORT_TEXT_DIALECT_H

#include "rig/offline/import/reader.h"
#include "rig/offline/import/text_input.h"

#define TEXT_ONE_COLUMN '\0'
#define TEXT_BLANKS     ' ' /* runs of spaces and tabs */

enum text_form { TEXT_FORM_NUMBER, TEXT_FORM_TIME, TEXT_FORM_EMPTY, TEXT_FORM_WORDS };

struct text_dialect {
	char separator; /* ',', ';', TAB, '|', TEXT_BLANKS, TEXT_ONE_COLUMN */
	char decimal;   /* '.' or ',' */
	unsigned columns;
	enum text_form form[RECORDING_COLUMNS_MAX];
	int decimals[RECORDING_COLUMNS_MAX]; /* the most digits behind the mark that were seen; -1: none has a mark */
	bool fixed[RECORDING_COLUMNS_MAX];   /* all have as many */
	bool full[RECORDING_COLUMNS_MAX];    /* no cell that was looked at is empty */
	unsigned body;                       /* index of its first line among those that were looked at */
};

/* Of lines from the file's beginning. What the wish names is taken as it is. -EINVAL with text (without the path): two
 * ways fit, or none does. */
int text_dialect_find(const struct text_line *line, unsigned lines, const struct recording_wish *wish,
		      struct text_dialect *ret, struct err *err);

/* "comma", "semicolon" ... and back: a word, or the character itself; false: none of them. */
const char *text_separator_name(char separator);
bool text_separator_of(const char *word, char *ret);

/* The cells of a line, one after the other; quotes may hold separators, and stay. */
struct text_cells {
	const char *at, *end;
	char separator;
	bool more;
};

struct text_cells text_cells_of(const struct text_line *line, char separator);
bool text_next_cell(struct text_cells *cells, const char **ret, size_t *ret_len);
unsigned text_count_cells(const struct text_line *line, char separator);
bool text_line_is_blank(const struct text_line *line);

#endif
