/* The station's own devices as a file names them: scanners, foot switches, lights. */
#ifndef PENRIG_CLI_KIT_IO_FILE_H
#define PENRIG_CLI_KIT_IO_FILE_H

#include "rig/base/disk.h"
#include "rig/base/json.h"

#define IO_DEVICES_MAX 16

enum io_kind { IO_SCANNER, IO_SWITCH, IO_LIGHT };

struct io_device {
	enum io_kind kind;
	char bench[64]; /* label; "": the first */
	char device[FILE_PATH_MAX];
	int64_t baud;             /* of a scanner or light; 0: as it is */
	int64_t key;              /* of a switch: the code of its key; 0: any */
	const struct json *words; /* of a light: what it is sent for each word; has "off" */
};

struct io_file {
	struct json_doc *doc;
	unsigned count;
	struct io_device device[IO_DEVICES_MAX];
};

/* -EINVAL with file:line:column; -errno of the file. */
int io_file_read(const char *path, struct io_file *ret, struct err *err);
/* What a light is sent for a word: of one that is not named, and of NULL, its "off". Never empty; lives as long as the file's doc. */
const char *io_file_word(const struct io_device *device, const char *word);

#endif
