/* Plain numbers, which #if can compare. */
#ifndef __wasilibc___seek_h
#define __wasilibc___seek_h
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#endif
