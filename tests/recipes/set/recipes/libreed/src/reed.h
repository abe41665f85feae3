/* How high reed grows in this pond. */
int reed_height(void);
