// What reading JSON and making values share.

#ifndef TWINBOX_VALUE_H
#define TWINBOX_VALUE_H

#include "twinbox.h"

tb_value *tb_make(tb_type type);
// tb_link_last puts v at the end of an array or object.
void tb_link_last(tb_value *to, tb_value *v);

#endif
