int pond_depth(void);
