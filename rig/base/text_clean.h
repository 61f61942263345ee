/* Text from anywhere (a device, a file name, a user), as a document or a terminal can carry it. */
#ifndef PENRIG_BASE_TEXT_CLEAN_H
#define PENRIG_BASE_TEXT_CLEAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Copies text that JSON and XML can carry: every byte that is not part of valid UTF-8, and of every control character but
 * tab and line feed, those that turn the direction of writing among them, becomes '?'. Same length, always terminated; truncates to size. Returns ret. */
char *text_clean(const char *text, char *ret, size_t size);

/* Prints it with every control character, line breaks too, made '?', so that no text steers a terminal. */
void print_clean(FILE *out, const char *text);

/* Valid UTF-8 without any control character: what a user may put into a record. */
bool text_is_clean(const char *text);

#endif
