/* libhdf5, loaded when an export or an import asks for it: it brings some twenty-five more, Kerberos and LDAP among them,
 * which every other command would map for nothing. Only this header includes its own. */
#ifndef PENRIG_OFFLINE_HDF5_LIBRARY_H
#define PENRIG_OFFLINE_HDF5_LIBRARY_H

#include "rig/base/error.h"

/* What a build without it lacks. */
#define HDF5_PACKAGE "libhdf5-dev"

/* Its file, as the loader finds it; NULL: a build without it. */
const char *hdf5_file(void);

#ifdef PENRIG_HDF5

#include <hdf5.h>

/* Its constants would call H5open() and H5check_version() wherever they stand: hdf5_load() opens it, and its name at run
 * time carries the version. */
#undef H5OPEN
#undef H5CHECK
#define H5OPEN
#define H5CHECK

/* clang-format off */
#define HDF5_FUNCTIONS(X) \
	X(H5open) X(H5dont_atexit) X(H5free_memory) X(H5Aclose) X(H5Acreate2) X(H5Aexists) X(H5Aget_space) X(H5Aget_type) X(H5Aopen) \
	X(H5Aread) X(H5Awrite) X(H5Dclose) X(H5Dcreate2) X(H5Dget_create_plist) X(H5Dget_num_chunks) X(H5Dget_space) X(H5Dget_space_status) X(H5Dget_storage_size) X(H5Dget_type) \
	X(H5Dopen2) X(H5Dread) X(H5Dset_extent) X(H5Dwrite) X(H5Eset_auto2) X(H5Fclose) X(H5Fcreate) X(H5Fget_filesize) X(H5Fopen) \
	X(H5Gclose) X(H5Gcreate2) X(H5Gget_num_objs) X(H5Gget_objname_by_idx) X(H5Gget_objtype_by_idx) X(H5Gopen2) \
	X(H5Pclose) X(H5Pcreate) X(H5Pget_chunk) X(H5Pget_external_count) X(H5Pget_layout) X(H5Pset_chunk) X(H5Pset_chunk_cache) X(H5Sclose) \
	X(H5Screate) X(H5Screate_simple) X(H5Sget_simple_extent_dims) X(H5Sget_simple_extent_ndims) \
	X(H5Sget_simple_extent_npoints) X(H5Sselect_hyperslab) X(H5Tclose) X(H5Tcopy) X(H5Tget_class) X(H5Tget_sign) \
	X(H5Tget_size) X(H5Tis_variable_str) X(H5Tset_cset) X(H5Tset_size)
#define HDF5_DATA(X) \
	X(H5P_CLS_DATASET_ACCESS_ID_g) X(H5P_CLS_DATASET_CREATE_ID_g) X(H5T_C_S1_g) X(H5T_IEEE_F64LE_g) X(H5T_NATIVE_DOUBLE_g) \
	X(H5T_NATIVE_UINT64_g) X(H5T_STD_U64LE_g)
/* clang-format on */

#define HDF5_MEMBER(name) __typeof__(name) *name;
struct hdf5_library {
	HDF5_FUNCTIONS(HDF5_MEMBER)
	HDF5_DATA(HDF5_MEMBER)
};
#undef HDF5_MEMBER

extern struct hdf5_library h5; /* of use after hdf5_load() */

/* Once or again; silences its own messages. -ENOENT: it is not there, with what to install; -ENOTSUP: it is another;
 * -EIO. */
int hdf5_load(struct err *err);

#endif

#endif
