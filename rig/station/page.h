/* The page's files, built into the program. */
#ifndef PENRIG_STATION_PAGE_H
#define PENRIG_STATION_PAGE_H

#include <stddef.h>

struct page_file {
	const char *path, *type;
	const unsigned char *bytes, *end;
};

/* The file at this path ("/" is the page itself); NULL: none. */
const struct page_file *page_find(const char *path);

#endif
