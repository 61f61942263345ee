/* Text from anywhere (a device, a file name), as a document can carry it. */
#ifndef PENRIG_BASE_TEXT_CLEAN_H
#define PENRIG_BASE_TEXT_CLEAN_H

#include <stddef.h>

/* Copies text that JSON and XML can carry: every byte that is not part of valid UTF-8, and every control character but
 * tab and line feed, becomes '?'. Same length, always terminated; truncates to size. Returns ret. */
char *text_clean(const char *text, char *ret, size_t size);

#endif
